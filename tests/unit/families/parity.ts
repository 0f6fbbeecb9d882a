/** A model against what `transformers` computes: activations of every block, gradients, an edited projection. */
import { expect } from 'vitest';
import { batchOf, forwardRows, gatherTokens, placesOf } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import type { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { withDeltas, type LayerDelta } from './deltas.ts';
import { gradientThrough, runBlocks } from './passes.ts';
import { nextTokenLogits } from '../support.ts';

/** What the blocks make of a row's last token. */
export interface ActivationGolden {
  ids: number[];
  layers: { output: number[]; key: number[]; mlp: number[]; attention: number[] }[];
}

/** Derivative of the targets' mean NLL by a δ that is added to the output of block `layer` at `token`. */
export interface GradientGolden {
  ids: number[];
  layer: number;
  token: number;
  /** Predicted at the last positions of `ids`. */
  targets: number[];
  delta: number[];
  nll: number;
  gradient: number[];
}

/** What is said with ΔW added to a layer's output projection. */
export interface EditGolden extends LayerDelta {
  ids: number[];
  /** The MLP's output in that layer at the last token. */
  mlp: number[];
  /** At the last token. */
  logits: number[];
}

/** Hidden states, keys, MLP and attention outputs of every layer at the last token. */
export async function expectActivations(
  name: string,
  model: LanguageModel,
  { ids, layers }: ActivationGolden,
): Promise<void> {
  const taps = [BLOCK_OUTPUTS.hidden, BLOCK_OUTPUTS.key, BLOCK_OUTPUTS.mlp, BLOCK_OUTPUTS.attention];
  const seen: number[] = [];
  let worst = 0;
  await forwardRows(model, model.weights, batchOf([ids]), {
    taps: () => taps,
    onTap: async (layer, outputs) => {
      seen.push(layer);
      const { output, key, mlp, attention } = layers[layer];
      for (const [i, expected] of [output, key, mlp, attention].entries()) {
        const last = await gatherTokens(model, outputs[taps[i]]!, [ids.length - 1]);
        worst = Math.max(worst, relativeError(last.floats, expected));
      }
    },
  });
  expect(seen).toEqual(layers.map((_, layer) => layer));
  expectBelow(`${name}: activations of every block`, worst, 1e-5);
}

/** The loss and its gradient, made of the machinery's own pieces. */
export async function expectGradient(name: string, model: LanguageModel, golden: GradientGolden): Promise<void> {
  const { ids, layer, token, targets } = golden;
  const { hiddenSize, layerCount, vocabularySize } = model.config;
  const batch = batchOf([ids]);
  const hidden = await forwardRows(model, model.weights, batch, { through: layer });
  for (let d = 0; d < hiddenSize; d += 1) hidden.floats[token * hiddenSize + d] += golden.delta[d];
  const { inputs, output } = await runBlocks(model, { hidden, places: placesOf(model, batch) }, { from: layer + 1 });

  const positions = targets.map((_, t) => ids.length - targets.length + t);
  const predicted = await gatherTokens(
    model,
    output,
    positions,
    positions.map(() => 0),
  );
  const logits = await model.logits(model.weights, predicted);
  expect(logits.dims).toEqual([targets.length, vocabularySize]);
  const weights = Tensor.fromData(new Float32Array(targets.length).fill(1 / targets.length), [targets.length]);
  const loss = await model.linalg.crossEntropy(
    logits,
    Tensor.fromData(Int32Array.from(targets), [targets.length]),
    weights,
  );
  const nll = loss.loss.floats.reduce((sum, value) => sum + value, 0) / targets.length;
  expectBelow(`${name}: NLL`, Math.abs(nll - golden.nll) / golden.nll, 1e-5);

  const head = await model.logitsGradient(model.weights, predicted, loss.gradient);
  const seed = Tensor.zeros([1, ids.length, hiddenSize]);
  positions.forEach((position, t) =>
    seed.floats.set(head.floats.subarray(t * hiddenSize, (t + 1) * hiddenSize), position * hiddenSize),
  );
  const gradient = await gradientThrough(model, inputs, seed, layerCount - 1);
  const atToken = gradient.floats.subarray(token * hiddenSize, (token + 1) * hiddenSize);
  expectBelow(`${name}: gradient of the NLL by δ`, relativeError(atToken, golden.gradient), 1e-4);
}

/** The edited layer's MLP output and the logits: both tell in which orientation the weight is stored. */
export async function expectEdit(name: string, model: LanguageModel, golden: EditGolden): Promise<void> {
  const { ids, layer } = golden;
  const weights = await withDeltas(model, [golden]);
  await forwardRows(model, weights, batchOf([ids]), {
    through: layer,
    taps: (at) => (at === layer ? [BLOCK_OUTPUTS.mlp] : []),
    onTap: async (_, { mlp_out: mlp }) => {
      const last = await gatherTokens(model, mlp!, [ids.length - 1]);
      expectBelow(`${name}: MLP output of the edited layer`, relativeError(last.floats, golden.mlp), 1e-5);
    },
  });
  const [logits] = await nextTokenLogits(model, weights, [ids]);
  expectBelow(`${name}: logits of the edited model`, relativeError(logits, golden.logits), 1e-5);
  weights.dispose();
}
