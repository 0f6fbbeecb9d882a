/** The GPT-2 family against transformers: logits, taps, gradients; whole rows against suffixes with cached prefixes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/families/family.ts';
import {
  batchOf,
  causalMask,
  embedRows,
  forwardRows,
  gatherTokens,
  pastMask,
} from '../../../src/engine/model/forward.ts';
import { nextTokenLogits } from '../../../src/engine/model/logits.ts';
import { familyOf, type LayerPast } from '../../../src/engine/model/language-model.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import type { Workbench } from '../../../src/engine/session/workbench.ts';
import { demoSequences, tinySequences, worstLogit } from './logits.ts';
import { expectBelow, relativeError } from '../compare.ts';
import { DEMO_MODEL, golden, openModel, TINY_MODEL } from '../support.ts';

interface TinyGolden {
  tokens: { text: string; ids: number[] };
  sequences: {
    ids: number[];
    argmax: number[];
    logits: number[];
    layers: { output: number[]; key: number[]; mlp: number[]; attention: number[] }[];
  }[];
  gradients: {
    ids: number[];
    layer: number;
    token: number;
    targets: number[];
    delta: number[];
    nll: number;
    gradient: number[];
  }[];
}

const tiny = golden<TinyGolden>('tiny-gpt2');
let bench: Workbench;

beforeAll(async () => {
  bench = await openModel(TINY_MODEL);
});

afterAll(() => bench.dispose());

describe('against transformers', () => {
  it('tokenises alike', () => {
    expect(bench.tokenizer.encode(tiny.tokens.text, { special: true })).toEqual(tiny.tokens.ids);
  });

  it('gives the same logits for rows of different lengths in one batch', async () => {
    const logits = await nextTokenLogits(
      bench.model,
      bench.model.weights,
      tiny.sequences.map(({ ids }) => ids),
    );
    tiny.sequences.forEach((sequence, i) =>
      expectBelow('GPT-2: logits', relativeError(logits[i], sequence.logits), 1e-5),
    );
  });

  it('gives the same logits at every position', async () => {
    expectBelow(
      'GPT-2: logits at every position, against their spread',
      await worstLogit(bench, tinySequences()),
      1e-4,
    );
  });

  it('gives the same hidden states, keys, MLP and attention outputs at every layer', async () => {
    for (const { ids, layers } of tiny.sequences) {
      const seen: number[] = [];
      const last = async (tensor: Tensor): Promise<Float32Array> => {
        const row = await gatherTokens(bench.model, tensor, [ids.length - 1]);
        return row.floats;
      };
      await forwardRows(bench.model, bench.model.weights, batchOf([ids]), {
        taps: () => [BLOCK_OUTPUTS.hidden, BLOCK_OUTPUTS.key, BLOCK_OUTPUTS.mlp, BLOCK_OUTPUTS.attention],
        onTap: async (layer, outputs) => {
          seen.push(layer);
          const expected = layers[layer];
          expect(relativeError(await last(outputs.hidden_out!), expected.output)).toBeLessThan(1e-5);
          expect(relativeError(await last(outputs.mlp_key!), expected.key)).toBeLessThan(1e-5);
          expect(relativeError(await last(outputs.mlp_out!), expected.mlp)).toBeLessThan(1e-5);
          expect(relativeError(await last(outputs.attention_out!), expected.attention)).toBeLessThan(1e-5);
        },
      });
      expect(seen).toEqual(layers.map((_, layer) => layer));
    }
  });

  it.each(tiny.gradients.map((each, i) => ({ ...each, name: `gradient ${i + 1}` })))(
    'gives the same $name',
    async (each) => {
      const { model } = bench;
      const { ids, layer, token, targets } = each;
      const { hiddenSize, layerCount, vocabularySize } = model.config;
      const hidden = await forwardRows(model, model.weights, batchOf([ids]), { through: layer });
      for (let d = 0; d < hiddenSize; d += 1) hidden.floats[token * hiddenSize + d] += each.delta[d];
      const mask = causalMask(model.runtime.device, ids.length);
      const inputs: Tensor[] = [hidden];
      for (let l = layer + 1; l < layerCount; l += 1) {
        const input = inputs[inputs.length - 1];
        inputs.push(
          (await model.block(model.weights, l, { hidden: input, causalMask: mask }, [BLOCK_OUTPUTS.hidden])).hidden_out,
        );
      }
      const positions = targets.map((_, t) => ids.length - targets.length + t);
      const predicted = await gatherTokens(
        model,
        inputs[inputs.length - 1],
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
      expect(Math.abs(nll - each.nll) / each.nll).toBeLessThan(1e-5);
      const head = await model.logitsGradient(model.weights, predicted, loss.gradient);
      let gradient = Tensor.zeros([1, ids.length, hiddenSize]);
      positions.forEach((position, t) =>
        gradient.floats.set(head.floats.subarray(t * hiddenSize, (t + 1) * hiddenSize), position * hiddenSize),
      );
      for (let l = layerCount - 1; l > layer; l -= 1) {
        gradient = await model.blockGradient(
          model.weights,
          l,
          { hidden: inputs[l - layer - 1], causalMask: mask },
          gradient,
        );
      }
      const atToken = gradient.floats.subarray(token * hiddenSize, (token + 1) * hiddenSize);
      expectBelow('GPT-2: gradient of the NLL by δ', relativeError(atToken, each.gradient), 1e-4);
    },
  );
});

describe('suffixes with cached prefixes', () => {
  it('give what whole rows give, for prefixes of different lengths, one of them empty', async () => {
    const { model } = bench;
    const { device } = model.runtime;
    const rows = [tiny.sequences[1].ids, tiny.sequences[2].ids, [...tiny.sequences[2].ids].reverse().slice(0, 4)];
    const cuts = [3, 11, 0];
    const suffixes = batchOf(rows.map((ids, r) => ids.slice(cuts[r])));
    const prefixes = batchOf(rows.map((ids, r) => ids.slice(0, cuts[r])));
    const mask = pastMask(device, cuts.length, prefixes.length, (row, place) => place < cuts[row]);
    let prefix = await embedRows(model, model.weights, prefixes);
    let suffix = await embedRows(model, model.weights, suffixes, cuts);
    const prefixMask = causalMask(device, prefixes.length);
    const suffixMask = causalMask(device, suffixes.length);
    for (let layer = 0; layer < model.config.layerCount; layer += 1) {
      const outputs = await model.block(model.weights, layer, { hidden: prefix, causalMask: prefixMask }, [
        BLOCK_OUTPUTS.hidden,
        BLOCK_OUTPUTS.presentKey,
        BLOCK_OUTPUTS.presentValue,
      ]);
      const past: LayerPast = { key: outputs.present_key, value: outputs.present_value };
      const inputs = { hidden: suffix, causalMask: suffixMask, past: { ...past, mask } };
      suffix = (await model.block(model.weights, layer, inputs, [BLOCK_OUTPUTS.hidden])).hidden_out;
      prefix = outputs.hidden_out;
    }
    for (const [r, ids] of rows.entries()) {
      const whole = await forwardRows(model, model.weights, batchOf([ids]));
      const expected = await gatherTokens(model, whole, [ids.length - 1]);
      const actual = await gatherTokens(model, suffix, [ids.length - cuts[r] - 1], [r]);
      expect(relativeError(actual.floats, expected.floats)).toBeLessThan(1e-5);
    }
  });
});

describe('configurations', () => {
  const good = { model_type: 'gpt2', vocab_size: 10, n_positions: 8, n_embd: 6, n_layer: 1, n_head: 2 };
  it.each([
    ['another architecture', { model_type: 'bert' }, /“bert” is not supported/],
    ['no layer count', { ...good, n_layer: undefined }, /n_layer/],
    ['heads that do not divide the width', { ...good, n_head: 4 }, /n_embd 6 is not a multiple of n_head 4/],
    ['an unknown activation', { ...good, activation_function: 'relu' }, /activation_function/],
  ])('%s is refused', (_, config, message) => {
    expect(() => familyOf(config, new Set())).toThrow(ModelError);
    expect(() => familyOf(config, new Set())).toThrow(message);
  });
});

it('answers the demo prompts as transformers does', async () => {
  const demo = await openModel(DEMO_MODEL);
  expectBelow('demo: logits at every position, against their spread', await worstLogit(demo, demoSequences()), 1e-4);
  const { predictions: expected } = golden<{
    predictions: { prompt: string; ids: number[]; top: { id: number; token: string; logprob: number }[] }[];
  }>('demo-predictions');
  const tops = await demo.predict(expected.map(({ prompt }) => prompt));
  expected.forEach(({ prompt, ids, top }, i) => {
    expect(demo.promptIds(prompt)).toEqual(ids);
    expect(tops[i].map(({ id }) => id)).toEqual(top.map(({ id }) => id));
    top.forEach(({ logprob }, t) => expect(Math.abs(tops[i][t].logProbability - logprob)).toBeLessThan(1e-4));
  });
  await demo.dispose();
});
