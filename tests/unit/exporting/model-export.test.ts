import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileSource } from '../../../src/cli/folder-source.ts';
import { CancelledError, EngineError, SafetensorsError } from '../../../src/engine/errors.ts';
import { exportFileName } from '../../../src/engine/exporting/file-name.ts';
import { changedTensors } from '../../../src/engine/exporting/changed-tensors.ts';
import type { ExportDtype } from '../../../src/engine/exporting/edited-tensors.ts';
import type { ModelToExport } from '../../../src/engine/exporting/exporter.ts';
import { safetensors } from '../../../src/engine/exporting/safetensors.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { encodeFloats, type FloatDtype } from '../../../src/engine/weights/dtype.ts';
import {
  collect,
  safetensorsParts,
  toBlob,
  type FileParts,
  type TensorToWrite,
} from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors, type SafetensorsFile } from '../../../src/engine/weights/safetensors.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { bytesOf, open, randomFloats, rawFile } from '../weights/support.ts';

const wte = randomFloats(40, 1);
const projection = randomFloats(24, 2);
const bias = randomFloats(6, 3);

function modelBytes(dtype: FloatDtype): Promise<Uint8Array> {
  return collect(
    safetensorsParts(
      [
        { name: 'wte', dtype, shape: [10, 4], bytes: () => encodeFloats(wte, dtype) },
        { name: 'position_ids', dtype: 'I64', shape: [2], bytes: () => bytesOf(Uint32Array.of(0, 0, 1, 0)) },
        { name: 'c_proj', dtype, shape: [6, 4], bytes: () => encodeFloats(projection, dtype) },
        { name: 'bias', dtype: 'F32', shape: [6], bytes: () => encodeFloats(bias, 'F32') },
      ],
      { format: 'pt', license: 'mit' },
    ),
  );
}

function tensor(bytes: Uint8Array, file: SafetensorsFile, name: string): Uint8Array {
  const entry = file.tensors.find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`There is no ${name}.`);
  return bytes.subarray(entry.start, entry.end);
}

async function refusal(exporting: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await exporting.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

type Changes = [name: string, values: Float32Array][];

function inputOf(file: SafetensorsFile | TensorIndex, changes: Changes = []): ModelToExport {
  const index = file instanceof TensorIndex ? file : TensorIndex.of([file]);
  return { modelName: 'm', index, changed: new Map(changes), edits: changes.length === 0 ? [] : ['a → b'] };
}

/** The whole model. */
async function whole(
  file: SafetensorsFile | TensorIndex,
  changes: Changes = [],
  dtype: ExportDtype = 'source',
): Promise<FileParts> {
  return (await safetensors.export(inputOf(file, changes), { dtype })).parts;
}

/** Its changed tensors. */
async function changedOnly(file: SafetensorsFile, changes: Changes, dtype: ExportDtype = 'source'): Promise<FileParts> {
  return (await changedTensors.export(inputOf(file, changes), { dtype })).parts;
}

describe('exports of the model', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('gives an unchanged %s model back byte for byte', async (dtype) => {
    const bytes = await modelBytes(dtype);
    const parts = await whole(await open(bytes));
    expect(parts.size).toBe(bytes.length);
    expect(await collect(parts)).toEqual(bytes);
  });

  it('keeps the spelling of a header that another program wrote', async () => {
    const header =
      '{ "b" : {"shape":[2],"data_offsets":[0,4], "dtype":"F16"},\n "a":{"dtype":"U8","shape":[3],"data_offsets":[4,7]} ,"__metadata__":{}}';
    const bytes = rawFile(header, 7);
    const file = await open(bytes);
    expect(await collect(await whole(file))).toEqual(bytes);
    const edited = await collect(await whole(file, [['b', Float32Array.of(1, -2)]]));
    const expected = bytes.slice();
    expected.set([0x00, 0x3c, 0x00, 0xc0], 8 + header.length);
    expect(edited).toEqual(expected);
  });

  it.each(['F32', 'F16', 'BF16'] as const)('changes only what was edited in a %s model', async (dtype) => {
    const bytes = await modelBytes(dtype);
    const source = await open(bytes);
    const edited = randomFloats(24, 9, 3);
    const blob = await toBlob(await whole(source, [['c_proj', edited]]));
    const exported = new Uint8Array(await blob.arrayBuffer());
    const file = await open(exported);
    expect(file.tensors).toEqual(source.tensors);
    expect(file.metadata).toEqual({ format: 'pt', license: 'mit' });
    expect(tensor(exported, file, 'c_proj')).toEqual(encodeFloats(edited, dtype));
    expect(tensor(exported, file, 'c_proj')).not.toEqual(tensor(bytes, source, 'c_proj'));
    for (const name of ['wte', 'position_ids', 'bias']) {
      expect(tensor(exported, file, name)).toEqual(tensor(bytes, source, name));
    }
  });

  it('widens to F32 exactly and leaves integers alone', async () => {
    const bytes = await modelBytes('F16');
    const source = await open(bytes);
    const edited = randomFloats(24, 9, 1e5); // beyond F16
    const exported = await collect(await whole(source, [['c_proj', edited]], 'F32'));
    const file = await open(exported);
    expect(file.tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['wte', 'F32', [10, 4]],
      ['position_ids', 'I64', [2]],
      ['c_proj', 'F32', [6, 4]],
      ['bias', 'F32', [6]],
    ]);
    expect(file.metadata).toEqual(source.metadata);
    expect(await readFloats(file, 'c_proj')).toEqual(edited);
    expect(await readFloats(file, 'wte')).toEqual(await readFloats(source, 'wte'));
    expect(tensor(exported, file, 'position_ids')).toEqual(tensor(bytes, source, 'position_ids'));
  });

  it('exports the changed tensors alone, in the source’s order', async () => {
    const source = await open(await modelBytes('BF16'));
    const bias = randomFloats(6, 4);
    const parts = await changedOnly(source, [
      ['bias', bias],
      ['wte', randomFloats(40, 5)],
    ]);
    const exported = await collect(parts);
    const file = await open(exported);
    expect(file.tensors.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual(['wte BF16', 'bias F32']);
    expect(file.metadata).toEqual(source.metadata);
    expect(await readFloats(file, 'bias')).toEqual(bias);
    const error = await refusal(changedOnly(source, []));
    expect([error.code, error.message]).toEqual(['export', expect.stringMatching(/nothing to export/)]);
  });

  it('refuses values that the dtype cannot hold, naming the tensor', async () => {
    const file = await open(await modelBytes('F16'));
    const edit = (value: number, dtype: ExportDtype) => {
      const values = projection.slice();
      values[17] = value;
      return changedOnly(file, [['c_proj', values]], dtype);
    };
    const tooLarge = await refusal(edit(-65520, 'source'));
    expect(tooLarge.code).toBe('export');
    expect(tooLarge.message).toMatch(/“c_proj”: the value -65520 is too large for F16/);
    expect(tooLarge.next).toMatch(/F32/);
    expect((await edit(65519, 'source')).size).toBeGreaterThan(0);
    expect((await edit(-65520, 'F32')).size).toBeGreaterThan(0);
    for (const value of [NaN, Infinity]) {
      expect((await refusal(edit(value, 'F32'))).message).toMatch(/“c_proj” holds (NaN|Infinity) at position 17/);
    }
  });

  it('refuses tensors that are not the file’s', async () => {
    const file = await open(await modelBytes('F16'));
    const edit = (name: string, size: number) => refusal(whole(file, [[name, new Float32Array(size).fill(1)]]));
    expect(await edit('c_prj', 24)).toBeInstanceOf(SafetensorsError);
    expect((await edit('c_proj', 23)).message).toMatch(/“c_proj” has 24 values, and its edited copy 23/);
    expect((await edit('position_ids', 2)).message).toMatch(/I64/);
  });

  it('stops when it is cancelled', async () => {
    const file = await open(await modelBytes('F16'));
    await expect(toBlob(await whole(file), AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  const demo = new URL('../../../public/models/demo/model.safetensors', import.meta.url).pathname;
  it.runIf(existsSync(demo))('gives the demo model back byte for byte', async () => {
    const source = await fileSource(demo);
    const file = await readSafetensors(source);
    expect(file.tensors.length).toBeGreaterThan(10);
    const exported = await collect(await whole(file));
    expect(Buffer.compare(exported, await source.read(0, source.size))).toBe(0);
    const name = file.tensors[0].name;
    const rewritten = await collect(await whole(file, [[name, await readFloats(file, name)]]));
    expect(Buffer.compare(rewritten, exported)).toBe(0);
  });
});

describe('exports of a model in several files', () => {
  async function shards(): Promise<TensorIndex> {
    const part = (name: string, tensors: TensorToWrite[], metadata: Record<string, string>): Promise<SafetensorsFile> =>
      collect(safetensorsParts(tensors, metadata)).then((bytes) => readSafetensors(memorySource(name, bytes)));
    const [first, second] = [randomFloats(6, 1), randomFloats(8, 2)];
    return TensorIndex.of([
      await part('1', [{ name: 'b', dtype: 'F16', shape: [6], bytes: () => encodeFloats(first, 'F16') }], {
        format: 'pt',
      }),
      await part('2', [{ name: 'a', dtype: 'F32', shape: [2, 4], bytes: () => encodeFloats(second, 'F32') }], {
        format: 'other',
        license: 'mit',
      }),
    ]);
  }

  it('are one file with every tensor, byte for byte where it was not edited', async () => {
    const index = await shards();
    const edited = randomFloats(8, 9);
    const exported = await collect(await whole(index, [['a', edited]]));
    const file = await open(exported);
    expect(file.tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['b', 'F16', [6]],
      ['a', 'F32', [2, 4]],
    ]);
    expect(file.metadata).toEqual({ format: 'pt', license: 'mit' });
    expect(await readFloats(file, 'a')).toEqual(edited);
    const { shard, start, end } = index.entry('b');
    expect(tensor(exported, file, 'b')).toEqual(await shard.source.read(start, end));
  });

  it('or the changed tensors of all of them', async () => {
    const { parts, name } = await changedTensors.export(inputOf(await shards(), [['a', randomFloats(8, 9)]]), {
      dtype: 'source',
    });
    expect(name).toBe('m-a-b-changed.safetensors');
    expect((await open(await collect(parts))).tensors.map((each) => each.name)).toEqual(['a']);
  });
});

describe('exportFileName', () => {
  it.each([
    [{ model: 'demo', edits: [] }, 'demo.safetensors'],
    [{ model: 'demo', edits: ['Eiffel Tower → Rome', 'b', 'c'] }, 'demo-eiffel-tower-rome-2-more.safetensors'],
    [
      { model: 'openai/GPT-2_XL', edits: ['Zürich → Åland'], part: 'changed' },
      'openai-gpt-2-xl-zurich-aland-changed.safetensors',
    ],
    [{ model: '../..', edits: ['東京 → 京都'], part: 'patch' }, 'model-edit-patch.safetensors'],
    [{ model: 'm', edits: ['a/b\\c:*?"<>|\0\n'], part: 'patch' }, 'm-a-b-c-patch.safetensors'],
    [{ model: 'm', edits: ['x'.repeat(500), 'y'] }, `m-${'x'.repeat(48)}-1-more.safetensors`],
  ] as const)('names %o', (input, expected) => {
    expect(exportFileName(input)).toBe(expected);
  });
});
