/** What is checked of weights when a model is loaded. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { FAMILIES } from '../../../src/engine/families/registry.ts';
import { ggufFolder } from '../../../src/engine/sources/gguf/gguf-folder.ts';
import { readText } from '../../../src/engine/sources/model-source.ts';
import { openTensors } from '../../../src/engine/sources/open-tensors.ts';
import { pickedFiles } from '../../../src/engine/sources/picked-files.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { encodeFloats, type FloatDtype } from '../../../src/engine/weights/dtype.ts';
import { readGguf } from '../../../src/engine/weights/gguf/gguf-file.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { cpuBackend, TINY_MODEL } from '../support.ts';
import { indexOf, loadModel } from '../families/load.ts';

const config: unknown = JSON.parse(readFileSync(`${TINY_MODEL}/config.json`, 'utf8'));
const SPOILED = 'transformer.h.1.mlp.c_fc.weight';
const PLACE = 7;

/** The tiny model's tensors with one value put in, in two shards. */
async function spoiledShards(dtype: FloatDtype, value: number): Promise<TensorIndex> {
  const index = await indexOf(memorySource('m', Uint8Array.from(readFileSync(`${TINY_MODEL}/model.safetensors`))));
  const tensors = await Promise.all(
    index.tensors.map(async ({ name, shape }) => {
      const values = await index.floats(name);
      if (name === SPOILED) values[PLACE] = value;
      return { name, dtype, shape, bytes: () => encodeFloats(values, dtype) };
    }),
  );
  const half = tensors.length >> 1;
  const shards = [tensors.slice(0, half), tensors.slice(half)].map(async (part, i) =>
    readSafetensors(memorySource(`model-${i}`, await collect(safetensorsParts(part)))),
  );
  return TensorIndex.of(await Promise.all(shards));
}

async function refusal(opened: Promise<unknown>): Promise<string> {
  const error: unknown = await opened.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ModelError);
  return (error as ModelError).message;
}

const dtypes: FloatDtype[] = ['F32', 'F16', 'BF16'];
const cases = dtypes.flatMap((dtype) =>
  [NaN, -Infinity].flatMap((value) => [true, false].map((halves) => ({ dtype, value, halves }))),
);

describe('LanguageModel.load', () => {
  it.each(cases)('names the tensor in $dtype that holds $value, halves kept: $halves', async (each) => {
    const { dtype, value, halves } = each;
    const backend = await cpuBackend({ halves });
    const message = await refusal(
      spoiledShards(dtype, value).then((index) => loadModel(config, index, FAMILIES, backend)),
    );
    expect(message).toContain(`“${SPOILED}” holds ${value} at place ${PLACE}`);
  });

  it('names the tensor of a GGUF file whose scale is no number', async () => {
    const bytes = new Uint8Array(readFileSync('tests/reference/models/gguf/llama.gguf'));
    const { tensors } = await readGguf(memorySource('m.gguf', bytes));
    const { start } = tensors.find(({ name }) => name === 'blk.1.ffn_down.weight')!;
    bytes.fill(0xff, start, start + 4);
    const source = await ggufFolder(pickedFiles('picked', [{ name: 'm.gguf', blob: new Blob([bytes]) }]), 'm.gguf');
    const made: unknown = JSON.parse(await readText(source, 'config.json'));
    expect(await refusal(openTensors(source).then((index) => loadModel(made, index)))).toMatch(
      /“model\.layers\.1\.mlp\.down_proj\.weight” holds NaN at place \d+/,
    );
  });
});
