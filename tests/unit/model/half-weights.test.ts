/** Weights of 16 bits that stay so on the device: the model computes what it computes with the same values in float32. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { batchOf, forwardRows, placesOf } from '../../../src/engine/model/forward.ts';
import { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { EditedWeights } from '../../../src/engine/model/weight-set.ts';
import { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { encodeFloats, type FloatDtype } from '../../../src/engine/weights/dtype.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import type { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { indexOf } from '../families/load.ts';
import { randomFloats } from '../weights/support.ts';
import { cpuBackend, nextTokenLogits } from '../support.ts';

const FOLDERS = { gpt2: 'tests/reference/models/family-gpt2', llama: 'tests/reference/models/family-llama' };
type Name = keyof typeof FOLDERS;

/** The folder's weights with every tensor in `dtype`, and in the matrix `tiny` a value that is no half. */
async function rounded(folder: string, dtype: FloatDtype, tiny: string | null = null): Promise<TensorIndex> {
  const index = await indexOf(memorySource('model.safetensors', readFileSync(`${folder}/model.safetensors`)));
  const entries = await Promise.all(
    index.tensors.map(async ({ name, shape }) => {
      // What is smaller than halves can tell apart would be no half in bfloat16.
      const values = (await index.floats(name)).map((value) => (Math.abs(value) < 1e-4 ? 0 : value));
      if (name === tiny) values[3] = 1e-30;
      return { name, dtype, shape, bytes: () => encodeFloats(values, dtype) };
    }),
  );
  return indexOf(memorySource('rounded.safetensors', await collect(safetensorsParts(entries))));
}

async function load(folder: string, index: TensorIndex, halves: boolean): Promise<LanguageModel> {
  const { runtime, linalg } = await cpuBackend({ halves });
  const config: unknown = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));
  return LanguageModel.load(createFamily(config, index), index, runtime, linalg);
}

const ROWS = [
  [5, 9, 2, 11, 7],
  [3, 3, 8],
];

describe.each<[Name, FloatDtype]>([
  ['gpt2', 'F16'],
  ['llama', 'F16'],
  ['llama', 'BF16'],
])('%s in %s', (name, dtype) => {
  const folder = FOLDERS[name];

  it('keeps its matrices at 16 bits, and says the same', async () => {
    const index = await rounded(folder, dtype);
    const [wide, narrow] = [await load(folder, index, false), await load(folder, index, true)];
    const matrix = projectionOf(wide.family, 0, 'mlp-output').tensor;
    expect(narrow.weights.get(matrix).type).toBe('float16');
    expect(wide.weights.get(matrix).type).toBe('float32');
    expect(narrow.weights.byteLength).toBeLessThan(1.15 * index.size);

    expect(await nextTokenLogits(narrow, narrow.weights, ROWS)).toEqual(
      await nextTokenLogits(wide, wide.weights, ROWS),
    );
    const gradients = await Promise.all([wide, narrow].map((model) => blockAndHeadGradients(model)));
    expect(gradients[1]).toEqual(gradients[0]);
    const ids = Tensor.fromData(Int32Array.of(4, 0, 4), [3]);
    const table = wide.family.embeddingWeights()[0].tensor;
    const taken = await Promise.all([wide, narrow].map((model) => model.weightRows(model.weights, table, ids)));
    expect(taken[1].floats).toEqual(taken[0].floats);
    expect((await narrow.floatWeight(narrow.weights, matrix)).floats).toEqual(wide.weights.get(matrix).floats);
    await wide.dispose();
    await narrow.dispose();
  });

  it('takes an edited matrix in float32 among the others', async () => {
    const index = await rounded(folder, dtype);
    const models = [await load(folder, index, false), await load(folder, index, true)];
    const logits = [];
    for (const model of models) {
      const { tensor } = projectionOf(model.family, 1, 'mlp-output');
      const base = await model.floatWeight(model.weights, tensor);
      const change = Tensor.fromData(randomFloats(base.size, 3), base.dims);
      const edited = new EditedWeights(model.weights);
      edited.replace(tensor, await model.linalg.addScaled(base, 1, change, 1e-3));
      logits.push(await nextTokenLogits(model, edited, ROWS));
      expect(await nextTokenLogits(model, model.weights, ROWS)).not.toEqual(logits.at(-1));
    }
    expect(logits[1]).toEqual(logits[0]);
  });
});

it('keeps a matrix of bfloat16 in float32 where one of its values is no half', async () => {
  const folder = FOLDERS.llama;
  const matrix = 'model.layers.1.mlp.down_proj.weight';
  const model = await load(folder, await rounded(folder, 'BF16', matrix), true);
  expect(model.weights.get(matrix).type).toBe('float32');
  expect(model.weights.get('model.layers.0.mlp.down_proj.weight').type).toBe('float16');
  await model.dispose();
});

async function blockAndHeadGradients(model: LanguageModel): Promise<Float32Array[]> {
  const { hiddenSize, vocabularySize } = model.config;
  const batch = batchOf(ROWS);
  const hidden = await forwardRows(model, model.weights, batch, { through: 0 });
  const places = placesOf(model, batch);
  const upstream = Tensor.fromData(randomFloats(hidden.size, 1), hidden.dims);
  const block = await model.blockGradient(model.weights, 1, { hidden, places }, upstream);
  const row = Tensor.fromData(randomFloats(hiddenSize, 2), [1, hiddenSize]);
  const byLogits = Tensor.fromData(randomFloats(vocabularySize, 3), [1, vocabularySize]);
  return [block.floats, (await model.logitsGradient(model.weights, row, byLogits)).floats];
}
