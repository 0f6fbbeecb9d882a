/** Token tables larger than a kernel may read lie on the device in blocks of rows; nothing else changes. */
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import type { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { relativeError } from '../compare.ts';
import { loadFolder } from '../families/load.ts';
import { cpuBackend, nextTokenLogits } from '../support.ts';
import { randomFloats } from '../weights/support.ts';

async function load(name: string, largestBinding?: number): Promise<LanguageModel> {
  return (await loadFolder(`tests/reference/models/family-${name}`, undefined, await cpuBackend({ largestBinding })))
    .model;
}

/** Bytes that hold every matrix but the token table. */
function largestMatrix({ family }: LanguageModel): number {
  return Math.max(...family.blockWeights(0).map(({ shape }) => 4 * shape.reduce((size, dim) => size * dim, 1)));
}

describe.each(['llama', 'llama-tied', 'gemma2', 'gpt2', 'gptj'])('%s', (name) => {
  it('looks rows up, multiplies and differentiates as with a whole table', async () => {
    const whole = await load(name);
    const { vocabularySize: size, hiddenSize: width } = whole.config;
    const [{ tensor: table }] = whole.family.embeddingWeights();
    const cut = await load(name, Math.max(largestMatrix(whole), Math.ceil(size / 3) * width * 4));
    const blocks = cut.weights.blocks(table);
    expect(blocks.length).toBeGreaterThan(1);
    expect(blocks.reduce((sum, { dims }) => sum + dims[0], 0)).toBe(size);
    expect(cut.weights.byteLength).toBe(whole.weights.byteLength);

    // The first and last row of every block among them.
    const ends = blocks.map(({ dims }) => dims[0]);
    const ids = [0, ends[0] - 1, ends[0], ends[0] + 1, size - 1, 7];
    const [logits] = await nextTokenLogits(cut, cut.weights, [ids]);
    expect(relativeError(logits, (await nextTokenLogits(whole, whole.weights, [ids]))[0])).toBeLessThan(1e-6);
    const index = Tensor.fromData(Int32Array.from(ids), [ids.length]);
    const rows = await Promise.all([cut, whole].map((model) => model.weightRows(model.weights, table, index)));
    expect(rows[0].floats).toEqual(rows[1].floats);

    const hidden = Tensor.fromData(randomFloats(2 * width, 1), [2, width]);
    const gradient = Tensor.fromData(randomFloats(2 * size, 2), [2, size]);
    const gradients = await Promise.all([cut, whole].map((m) => m.logitsGradient(m.weights, hidden, gradient)));
    expect(relativeError(gradients[0].floats, gradients[1].floats)).toBeLessThan(1e-5);
    const samples = Tensor.fromData(randomFloats(6 * width, 3), [2, 3, width]);
    const means = await Promise.all([cut, whole].map((m) => m.meanProbabilities(m.weights, samples)));
    expect(relativeError(means[0].floats, means[1].floats)).toBeLessThan(1e-6);
    expect(() => cut.weights.get(table)).toThrow(ModelError);
    await whole.dispose();
    await cut.dispose();
  });
});

it('names another matrix that is too large, before it reads any weight', async () => {
  const error: unknown = await load('llama', 1000).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ModelError);
  expect((error as ModelError).message).toMatch(
    /^The tensor “model\.layers\.0\..*” takes \d+ bytes, and this device lets a kernel read 1000\.$/,
  );
});
