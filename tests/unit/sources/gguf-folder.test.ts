import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { safetensors } from '../../../src/engine/exporting/safetensors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { ggufFolder } from '../../../src/engine/sources/gguf/gguf-folder.ts';
import { modelFolder } from '../../../src/engine/sources/model-folder.ts';
import { MissingFileError, readText, type ModelSource } from '../../../src/engine/sources/model-source.ts';
import { openTensors } from '../../../src/engine/sources/open-tensors.ts';
import { pickedFiles } from '../../../src/engine/sources/picked-files.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { hashModel } from '../../../src/engine/weights/model-hash.ts';
import { collect } from '../../../src/engine/weights/safetensors-writer.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { ggufBytes, type Metadata, type TensorOfFile } from '../weights/gguf-writer.ts';

interface Golden {
  architecture: string;
  config: Record<string, unknown>;
  ropeParameters: Record<string, unknown> | null;
  tensors: { name: string; shape: number[]; sha256: string }[];
}
const { models: goldens } = JSON.parse(readFileSync('tests/reference/goldens/gguf-models.json', 'utf8')) as {
  models: Golden[];
};

function without(object: Record<string, unknown>, key: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function picked(...files: { name: string; bytes: Uint8Array }[]): ModelSource {
  return pickedFiles(
    'picked',
    files.map(({ name, bytes }) => ({ name, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) })),
  );
}

const fileOf = (architecture: string): Uint8Array =>
  new Uint8Array(readFileSync(`tests/reference/models/gguf/${architecture}.gguf`));
const folderOf = (architecture: string): Promise<ModelSource> =>
  ggufFolder(picked({ name: 'm.gguf', bytes: fileOf(architecture) }), 'm.gguf');
const configOf = async (folder: ModelSource): Promise<Record<string, unknown>> =>
  JSON.parse(await readText(folder, 'config.json')) as Record<string, unknown>;

describe.each(goldens)('a GGUF file of $architecture', ({ architecture, config, ropeParameters, tensors }) => {
  it('has the config of the model that it was made from', async () => {
    const own = await configOf(await folderOf(architecture));
    // The padding token is the tokenizer's business.
    const wanted = without(config, 'pad_token_id');
    // GPT-2's config has other names for these.
    const named = architecture === 'gpt2' ? Object.keys(wanted).filter((key) => key in own) : Object.keys(wanted);
    expect(named.length).toBeGreaterThan(8);
    for (const key of named) expect(own[key], key).toEqual(wanted[key]);
    const rotary = ropeParameters?.full_attention ?? ropeParameters;
    if (rotary) expect(own.rope_theta ?? own.rotary_emb_base).toBe((rotary as { rope_theta: number }).rope_theta);
  });

  it('has its tensors, by name and order of values', async () => {
    const index = await openTensors(await folderOf(architecture));
    expect(index.tensors.map(({ name, shape }) => `${name} ${shape.join()}`).sort()).toEqual(
      tensors.map(({ name, shape }) => `${name} ${shape.join()}`).sort(),
    );
    for (const { name, sha256: wanted } of tensors) {
      const values = await index.floats(name);
      expect(sha256(new Uint8Array(values.buffer)), name).toBe(wanted);
    }
  });
});

describe('ggufFolder', () => {
  it('says how Llama 3 scales its rotary positions, which the file has as factors', async () => {
    const { rope_scaling: scaling } = await configOf(await folderOf('llama'));
    const llama = goldens.find(({ architecture }) => architecture === 'llama')!;
    expect(scaling).toEqual(without(llama.ropeParameters!, 'rope_theta'));
  });

  it('opens as a family of this program', async () => {
    for (const architecture of ['llama', 'gpt2']) {
      const folder = await folderOf(architecture);
      const index = await openTensors(folder);
      const family = createFamily(await configOf(folder), index);
      const layers = Array.from({ length: family.config.layerCount }, (_, layer) => family.blockWeights(layer)).flat();
      for (const { tensor, shape } of [...family.embeddingWeights(), ...layers, ...family.headWeights()]) {
        expect(index.get(tensor)?.shape, tensor).toEqual(shape);
      }
    }
  });

  it('is known by the file’s own bytes', async () => {
    const bytes = fileOf('qwen2');
    const folder = await folderOf('qwen2');
    const identity = await hashModel(await openTensors(folder), await readText(folder, 'config.json'));
    expect(identity.hash).toBe(`sha256:${sha256(bytes)}`);
    expect(await identity.formerHash()).toBe(identity.hash);
  });

  it('is exported as a safetensors file, edited values in place', async () => {
    const index = await openTensors(await folderOf('llama'));
    const name = 'model.layers.1.mlp.down_proj.weight';
    const changed = new Map([[name, (await index.floats(name)).map((value) => value + 1)]]);
    const { parts } = await safetensors.export({ modelName: 'm', index, changed, edits: ['a'] }, { dtype: 'source' });
    const exported = TensorIndex.of([await readSafetensors(memorySource('out', await collect(parts)))]);
    const formOf = ({ tensors }: TensorIndex): unknown =>
      tensors.map(({ name: each, dtype, shape, start, end }) => ({ each, dtype, shape, start, end }));
    expect(formOf(exported)).toEqual(formOf(index));
    for (const { name: each } of index.tensors) {
      expect(await exported.floats(each), each).toEqual(changed.get(each) ?? (await index.floats(each)));
    }
  });

  it('lists what it makes, and hands on what lies beside it', async () => {
    const folder = await ggufFolder(
      picked(
        { name: 'm.gguf', bytes: fileOf('llama') },
        { name: 'facts.json', bytes: new TextEncoder().encode('[]') },
        { name: 'config.json', bytes: new TextEncoder().encode('{}') },
      ),
      'm.gguf',
    );
    const names = (await folder.list())?.map(({ path }) => path);
    expect(names).toEqual([
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'model.safetensors',
      'facts.json',
    ]);
    expect(await readText(folder, 'facts.json')).toBe('[]');
    expect((await configOf(folder)).model_type).toBe('llama');
    await expect(folder.open('memit.json')).rejects.toBeInstanceOf(MissingFileError);
  });

  const minimal: Metadata = {
    'general.architecture': { text: 'llama' },
    'llama.context_length': { u32: 8 },
    'llama.embedding_length': { u32: 4 },
    'llama.block_count': { u32: 1 },
    'llama.feed_forward_length': { u32: 8 },
    'llama.attention.head_count': { u32: 2 },
    'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'tokenizer.ggml.model': { text: 'gpt2' },
    'tokenizer.ggml.pre': { text: 'gpt-2' },
    'tokenizer.ggml.tokens': { texts: ['a', 'b'] },
    'tokenizer.ggml.merges': { texts: [] },
  };
  const embedding: TensorOfFile = {
    name: 'token_embd.weight',
    dimensions: [4, 2],
    type: 0,
    data: new Uint8Array(32),
  };
  const made = (metadata: Metadata, tensors: TensorOfFile[] = [embedding]): Promise<ModelSource> =>
    ggufFolder(picked({ name: 'm.gguf', bytes: ggufBytes({ ...minimal, ...metadata }, tensors) }), 'm.gguf');

  it('reads rounded numbers as they were meant, and leaves out what the file does not have', async () => {
    const config = await configOf(await made({}));
    expect(config.rms_norm_eps).toBe(1e-5);
    expect(config.num_key_value_heads).toBe(2);
    expect(config.rope_theta).toBe(10_000);
    expect(config.rope_scaling).toBeUndefined();
    expect(config.eos_token_id).toBeNull();
  });

  it('hands on a scaling that the metadata names', async () => {
    const config = await configOf(
      await made({ 'llama.rope.scaling.type': { text: 'yarn' }, 'llama.rope.scaling.factor': { f32: 4 } }),
    );
    expect(config.rope_scaling).toEqual({ rope_type: 'yarn', factor: 4 });
  });

  it.each<[string, Metadata, TensorOfFile[] | undefined, RegExp]>([
    ['another architecture', { 'general.architecture': { text: 'mamba' } }, undefined, /its architecture is “mamba”/],
    ['a mixture of experts', { 'llama.expert_count': { u32: 8 } }, undefined, /mixture of 8 experts/],
    ['one part of several', { 'split.count': { u32: 3 } }, undefined, /one of 3 parts/],
    ['a text for a number', { 'llama.block_count': { text: '1' } }, undefined, /“llama\.block_count” is not a number/],
    [
      'widths by layer',
      { 'llama.feed_forward_length': { i32s: [8] } },
      undefined,
      /feed_forward_length” is not a number/,
    ],
    ['no embedding', {}, [], /no tensor “token_embd\.weight”/],
    [
      'an unknown tensor',
      {},
      [embedding, { ...embedding, name: 'blk.0.odd.weight' }],
      /“blk\.0\.odd\.weight” is not known/,
    ],
    ['an inherited name', {}, [embedding, { ...embedding, name: 'constructor' }], /“constructor” is not known/],
    [
      'other rotary factors',
      {},
      [
        embedding,
        {
          ...embedding,
          name: 'rope_freqs.weight',
          dimensions: [2],
          data: new Uint8Array(new Float32Array([1, 9]).buffer),
        },
      ],
      /rope_freqs/,
    ],
    ['another tokenizer', { 'tokenizer.ggml.model': { text: 'bert' } }, undefined, /of the kind “bert”/],
    ['another splitting', { 'tokenizer.ggml.pre': { text: 'tiktok' } }, undefined, /in the way “tiktok”/],
    ['a token that is none', { 'tokenizer.ggml.bos_token_id': { u32: 7 } }, undefined, /bos token 7 is none of 2/],
    ['types of other tokens', { 'tokenizer.ggml.token_type': { i32s: [1] } }, undefined, /2 tokens and the types of 1/],
  ])('refuses %s by its name', async (_, metadata, tensors, message) => {
    const opening = made(metadata, tensors);
    await expect(opening).rejects.toThrow(ModelError);
    await expect(opening).rejects.toThrow(message);
  });
});

describe('modelFolder', () => {
  const gguf = { name: 'm.gguf', bytes: fileOf('llama') };
  const other = (name: string): { name: string; bytes: Uint8Array } => ({ name, bytes: new Uint8Array(4) });

  it('takes the safetensors file where there is one', async () => {
    for (const name of ['model.safetensors', 'model.safetensors.index.json']) {
      const source = picked(gguf, other(name));
      expect(await modelFolder(source)).toBe(source);
    }
    const none = picked(other('config.json'));
    expect(await modelFolder(none)).toBe(none);
  });

  it('takes the only GGUF file, and asks which one of several', async () => {
    expect((await configOf(await modelFolder(picked(gguf, other('readme.md'))))).model_type).toBe('llama');
    await expect(modelFolder(picked(gguf, other('b.gguf')))).rejects.toThrow(/2 GGUF files: m\.gguf, b\.gguf/);
  });
});
