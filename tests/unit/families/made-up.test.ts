/**
 * The room for families: one that only this folder knows goes through everything, with nothing changed elsewhere, and computes what
 * a plain forward pass in double precision does.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Family } from '../../../src/engine/families/family.ts';
import { createFamily, FAMILIES } from '../../../src/engine/families/registry.ts';
import { seededRandom } from '../../../src/engine/random.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { encodeFloats } from '../../../src/engine/weights/dtype.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import type { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { expectBelow } from '../compare.ts';
import { randomFloats } from '../weights/support.ts';
import { indexOf, loadModel, type LoadedModel } from './load.ts';
import { worstLogit } from './logits.ts';
import { madeUp, ROTARY_BASES, type MadeUpConfig } from './made-up-family.ts';
import { expectGradient } from './parity.ts';
import { testMachinery } from './suite.ts';

const CONFIG: MadeUpConfig = {
  model_type: 'made_up',
  vocab_size: 61,
  context_length: 24,
  hidden_size: 20,
  intermediate_size: 28,
  num_layers: 4,
  num_heads: 6,
  num_key_value_heads: 2,
  head_size: 5,
  rotary_size: 4,
  window: 3,
  rms_epsilon: 1e-5,
};

const WITH_MADE_UP = [...FAMILIES, madeUp];

/** A tensor's values, [rows, columns] or [columns]. */
type Weights = ReadonlyMap<string, Float32Array>;

const weights = randomWeights(createFamily(CONFIG, new Set(), WITH_MADE_UP));
const load = async (): Promise<LoadedModel> => loadModel(CONFIG, await weights.index, WITH_MADE_UP);

testMachinery('made-up', load);

describe('the made-up family', () => {
  let loaded: LoadedModel;

  beforeAll(async () => {
    loaded = await load();
  });

  afterAll(() => loaded.model.dispose());

  it('is refused where it is not among the families', () => {
    expect(() => createFamily(CONFIG, new Set())).toThrow(/“made_up” is not supported/);
  });

  it('gives the logits of a plain forward pass at every position', async () => {
    const sequences = [1, 4, CONFIG.context_length].map((length) => {
      const ids = randomIds(length, length);
      const logits = plainLogits(weights.values, ids);
      return { ids, logits, spread: logits.map((row) => Math.max(...row) - Math.min(...row)) };
    });
    const worst = await worstLogit(loaded, { stride: 1, sequences });
    expectBelow('made-up: logits at every position, against their spread', worst, 1e-5);
  });

  it.each([0, 1, 2])('gives the gradient that finite differences give, by the output of layer %i', async (layer) => {
    const ids = randomIds(12, layer);
    const targets = randomIds(3, 7);
    // Beyond the window of the targets' predictions.
    const token = 5;
    const delta = [...randomFloats(CONFIG.hidden_size, 8)];
    const nll = (added: readonly number[]): number =>
      meanNll(plainLogits(weights.values, ids, { layer, token, delta: added }), targets);
    const step = 1e-5;
    const gradient = delta.map((_, d) => {
      const moved = (by: number): number => nll(delta.map((x, i) => (i === d ? x + by : x)));
      return (moved(step) - moved(-step)) / (2 * step);
    });
    const expected = { ids, layer, token, targets, delta, nll: nll(delta), gradient };
    await expectGradient('made-up', loaded.model, expected);
  });
});

function randomIds(count: number, seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => Math.floor(random() * CONFIG.vocab_size));
}

/** Large ones, as family_oracle.py draws them. */
function randomWeights(family: Family): { values: Weights; index: Promise<TensorIndex> } {
  const { layerCount } = family.config;
  const layers = Array.from({ length: layerCount }, (_, layer) => family.blockWeights(layer)).flat();
  const bindings = [...family.embeddingWeights(), ...layers, ...family.headWeights()];
  const shapes = new Map(bindings.map(({ tensor, shape }) => [tensor, shape]));
  const values = new Map<string, Float32Array>();
  for (const [seed, [tensor, shape]] of [...shapes].entries()) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    values.set(
      tensor,
      shape.length === 1 ? randomFloats(size, seed, 0.2).map((x) => 1 + x) : randomFloats(size, seed, 0.5),
    );
  }
  const tensors = [...shapes].map(([name, shape]) => ({
    name,
    shape,
    dtype: 'F32' as const,
    bytes: () => encodeFloats(values.get(name)!, 'F32'),
  }));
  const bytes = collect(safetensorsParts(tensors));
  return { values, index: bytes.then((each) => indexOf(memorySource('made-up.safetensors', each))) };
}

type Matrix = readonly (readonly number[])[];

/** Logits [sequence, V] in double precision, token by token, with δ added to a layer's output at a token. */
function plainLogits(
  tensors: Weights,
  ids: readonly number[],
  added?: { layer: number; token: number; delta: readonly number[] },
): number[][] {
  const embedding = matrixOf(tensors, 'embedding.weight', CONFIG.hidden_size);
  let hidden = ids.map((id) => [...embedding[id]]);
  for (let layer = 0; layer < CONFIG.num_layers; layer += 1) {
    hidden = plainBlock(tensors, layer, hidden);
    if (added?.layer === layer) hidden[added.token] = sum(hidden[added.token], added.delta);
  }
  return hidden.map((x) => times(embedding, rmsNorm(x, tensors.get('final_norm.weight')!)));
}

function plainBlock(tensors: Weights, layer: number, hidden: Matrix): number[][] {
  const { hidden_size: d, intermediate_size: f, num_heads, num_key_value_heads, head_size, window } = CONFIG;
  const weight = (name: string, columns = d): Matrix => matrixOf(tensors, `layers.${layer}.${name}.weight`, columns);
  const norm = (name: string): Float32Array => tensors.get(`layers.${layer}.${name}.weight`)!;
  const local = layer % 2 === 0;
  const base = ROTARY_BASES[local ? 'local' : 'full'];

  const heads = (name: string, x: readonly number[]): number[][] => {
    const flat = times(weight(name), x);
    return Array.from({ length: flat.length / head_size }, (_, h) => flat.slice(h * head_size, (h + 1) * head_size));
  };
  const normed = hidden.map((x) => rmsNorm(x, norm('attention_norm')));
  const queries = normed.map((x, position) => heads('query', x).map((head) => rotate(head, position, base)));
  const keys = normed.map((x, position) => heads('key', x).map((head) => rotate(head, position, base)));
  const values = normed.map((x) => heads('value', x));

  return hidden.map((x, t) => {
    const first = local ? Math.max(0, t - window + 1) : 0;
    const seen = keys.map((_, s) => s).slice(first, t + 1);
    const merged = queries[t].flatMap((query, h) => {
      const shared = Math.floor(h / (num_heads / num_key_value_heads));
      const probabilities = softmax(seen.map((s) => dot(query, keys[s][shared]) / Math.sqrt(head_size)));
      return query.map((_, i) =>
        dot(
          probabilities,
          seen.map((s) => values[s][shared][i]),
        ),
      );
    });
    const middle = sum(x, times(weight('attention_output', num_heads * head_size), merged));
    const y = rmsNorm(middle, norm('mlp_norm'));
    const up = times(weight('up'), y);
    const key = times(weight('gate'), y).map((gate, i) => (gate / (1 + Math.exp(-gate))) * up[i]);
    return sum(middle, times(weight('down', f), key));
  });
}

function rotate(head: readonly number[], position: number, base: number): number[] {
  const half = CONFIG.rotary_size / 2;
  const turned = [...head];
  for (let i = 0; i < half; i += 1) {
    const angle = position * base ** (-i / half);
    turned[i] = head[i] * Math.cos(angle) - head[i + half] * Math.sin(angle);
    turned[i + half] = head[i + half] * Math.cos(angle) + head[i] * Math.sin(angle);
  }
  return turned;
}

function rmsNorm(x: readonly number[], scale: Float32Array): number[] {
  const root = Math.sqrt(dot(x, x) / x.length + CONFIG.rms_epsilon);
  return x.map((each, i) => (each / root) * scale[i]);
}

function softmax(scores: readonly number[]): number[] {
  const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** Of the targets, predicted at the last positions. */
function meanNll(logits: Matrix, targets: readonly number[]): number {
  const rows = logits.slice(-targets.length);
  return -targets.reduce((total, target, i) => total + Math.log(softmax(rows[i])[target]), 0) / targets.length;
}

/** W·x for W [out, in]. */
function times(matrix: Matrix, x: readonly number[]): number[] {
  return matrix.map((row) => dot(row, x));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, x, i) => total + x * b[i], 0);
}

function sum(a: readonly number[], b: readonly number[]): number[] {
  return a.map((x, i) => x + b[i]);
}

function matrixOf(tensors: Weights, name: string, columns: number): Matrix {
  const values = tensors.get(name)!;
  return Array.from({ length: values.length / columns }, (_, row) => [
    ...values.subarray(row * columns, (row + 1) * columns),
  ]);
}
