import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fileSource } from '../../../src/cli/folder-source.ts';
import { CancelledError, EngineError, SafetensorsError } from '../../../src/engine/errors.ts';
import { exportFileName } from '../../../src/engine/exporting/file-name.ts';
import { exportModel } from '../../../src/engine/exporting/model-export.ts';
import { hashModel } from '../../../src/engine/weights/model-hash.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { encodeFloats, type FloatDtype } from '../../../src/engine/weights/dtype.ts';
import { collect, safetensorsParts, toBlob } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors, type SafetensorsFile } from '../../../src/engine/weights/safetensors.ts';
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

function thrown(run: () => unknown): EngineError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    return error as EngineError;
  }
  throw new Error('Nothing was thrown.');
}

describe('exportModel', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('gives an unchanged %s model back byte for byte', async (dtype) => {
    const bytes = await modelBytes(dtype);
    const parts = exportModel({ file: await open(bytes), changed: new Map(), scope: 'full', dtype: 'source' });
    expect(parts.size).toBe(bytes.length);
    expect(await collect(parts)).toEqual(bytes);
  });

  it('keeps the spelling of a header that another program wrote', async () => {
    const header =
      '{ "b" : {"shape":[2],"data_offsets":[0,4], "dtype":"F16"},\n "a":{"dtype":"U8","shape":[3],"data_offsets":[4,7]} ,"__metadata__":{}}';
    const bytes = rawFile(header, 7);
    const file = await open(bytes);
    expect(await collect(exportModel({ file, changed: new Map(), scope: 'full', dtype: 'source' }))).toEqual(bytes);
    const changed = new Map([['b', Float32Array.of(1, -2)]]);
    const edited = await collect(exportModel({ file, changed, scope: 'full', dtype: 'source' }));
    const expected = bytes.slice();
    expected.set([0x00, 0x3c, 0x00, 0xc0], 8 + header.length);
    expect(edited).toEqual(expected);
  });

  it.each(['F32', 'F16', 'BF16'] as const)('changes only what was edited in a %s model', async (dtype) => {
    const bytes = await modelBytes(dtype);
    const source = await open(bytes);
    const edited = randomFloats(24, 9, 3);
    const changed = new Map([['c_proj', edited]]);
    const blob = await toBlob(exportModel({ file: source, changed, scope: 'full', dtype: 'source' }));
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
    const parts = exportModel({ file: source, changed: new Map([['c_proj', edited]]), scope: 'full', dtype: 'F32' });
    const exported = await collect(parts);
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
    const changed = new Map([
      ['bias', randomFloats(6, 4)],
      ['wte', randomFloats(40, 5)],
    ]);
    const exported = await collect(exportModel({ file: source, changed, scope: 'changed', dtype: 'source' }));
    const file = await open(exported);
    expect(file.tensors.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual(['wte BF16', 'bias F32']);
    expect(file.metadata).toEqual(source.metadata);
    expect(await readFloats(file, 'bias')).toEqual(changed.get('bias'));
    const error = thrown(() => exportModel({ file: source, changed: new Map(), scope: 'changed', dtype: 'source' }));
    expect([error.code, error.message]).toEqual(['export', expect.stringMatching(/nothing to export/)]);
  });

  it('refuses values that the dtype cannot hold, naming the tensor', async () => {
    const file = await open(await modelBytes('F16'));
    const edit = (value: number, dtype: 'source' | 'F32') => {
      const values = projection.slice();
      values[17] = value;
      return () => exportModel({ file, changed: new Map([['c_proj', values]]), scope: 'changed', dtype });
    };
    const tooLarge = thrown(edit(-65520, 'source'));
    expect(tooLarge.code).toBe('export');
    expect(tooLarge.message).toMatch(/“c_proj”: the value -65520 is too large for F16/);
    expect(tooLarge.next).toMatch(/F32/);
    expect(edit(65519, 'source')().size).toBeGreaterThan(0);
    expect(edit(-65520, 'F32')().size).toBeGreaterThan(0);
    for (const value of [NaN, Infinity]) {
      expect(thrown(edit(value, 'F32')).message).toMatch(/“c_proj” holds (NaN|Infinity) at position 17/);
    }
  });

  it('refuses tensors that are not the file’s', async () => {
    const file = await open(await modelBytes('F16'));
    const edit = (name: string, size: number) => () =>
      exportModel({ file, changed: new Map([[name, new Float32Array(size).fill(1)]]), scope: 'full', dtype: 'source' });
    expect(thrown(edit('c_prj', 24))).toBeInstanceOf(SafetensorsError);
    expect(thrown(edit('c_proj', 23)).message).toMatch(/“c_proj” has 24 values, and its edited copy 23/);
    expect(thrown(edit('position_ids', 2)).message).toMatch(/I64/);
  });

  it('stops when it is cancelled', async () => {
    const file = await open(await modelBytes('F16'));
    const parts = exportModel({ file, changed: new Map(), scope: 'full', dtype: 'source' });
    await expect(toBlob(parts, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  const demo = new URL('../../../public/models/demo/model.safetensors', import.meta.url).pathname;
  it.runIf(existsSync(demo))('gives the demo model back byte for byte', async () => {
    const source = await fileSource(demo);
    const file = await readSafetensors(source);
    expect(file.tensors.length).toBeGreaterThan(10);
    const exported = await collect(exportModel({ file, changed: new Map(), scope: 'full', dtype: 'source' }));
    expect(Buffer.compare(exported, await source.read(0, source.size))).toBe(0);
    const name = file.tensors[0].name;
    const changed = new Map([[name, await readFloats(file, name)]]);
    const rewritten = await collect(exportModel({ file, changed, scope: 'full', dtype: 'source' }));
    expect(Buffer.compare(rewritten, exported)).toBe(0);
  });
});

describe('exportFileName', () => {
  it.each([
    [{ model: 'demo', edits: [], kind: 'full' }, 'demo.safetensors'],
    [
      { model: 'demo', edits: ['Eiffel Tower → Rome', 'b', 'c'], kind: 'full' },
      'demo-eiffel-tower-rome-2-more.safetensors',
    ],
    [
      { model: 'openai/GPT-2_XL', edits: ['Zürich → Åland'], kind: 'changed' },
      'openai-gpt-2-xl-zurich-aland-changed.safetensors',
    ],
    [{ model: '../..', edits: ['東京 → 京都'], kind: 'patch' }, 'model-edit-patch.safetensors'],
    [{ model: 'm', edits: ['a/b\\c:*?"<>|\0\n'], kind: 'patch' }, 'm-a-b-c-patch.safetensors'],
    [{ model: 'm', edits: ['x'.repeat(500), 'y'], kind: 'full' }, `m-${'x'.repeat(48)}-1-more.safetensors`],
  ] as const)('names %o', (input, expected) => {
    expect(exportFileName(input)).toBe(expected);
  });
});

describe('hashModel', () => {
  async function fileOf(bytes: Uint8Array): Promise<SafetensorsFile> {
    return readSafetensors(memorySource('m', bytes));
  }

  async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
  }

  it('follows its definition', async () => {
    const chunk = 8 * 1024 * 1024;
    const values = randomFloats(4_500_000, 5); // 18 MB: two whole chunks and a part
    const bytes = await collect(
      safetensorsParts([{ name: 'w', dtype: 'F32', shape: [4_500_000], bytes: () => bytesOf(values) }]),
    );
    const digests = [await sha256(new TextEncoder().encode('{"n": "é"}'))];
    for (let start = 0; start < bytes.length; start += chunk) {
      digests.push(await sha256(bytes.subarray(start, start + chunk)));
    }
    expect(digests.length).toBe(4);
    const expected = Buffer.from(await sha256(Buffer.concat(digests))).toString('hex');
    expect(await hashModel(await fileOf(bytes), '{"n": "é"}')).toBe(expected);
  });

  it('changes with a single bit of the weights and with the config', async () => {
    const bytes = await modelBytes('F16');
    const other = bytes.slice();
    other[other.length - 1] ^= 1;
    const hashes = await Promise.all([
      hashModel(await fileOf(bytes), '{}'),
      hashModel(await fileOf(other), '{}'),
      hashModel(await fileOf(bytes), '{} '),
    ]);
    expect(new Set(hashes).size).toBe(3);
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashModel(await fileOf(bytes), '{}')).toBe(hashes[0]);
  });

  it('can be cancelled', async () => {
    const file = await fileOf(await modelBytes('F16'));
    await expect(hashModel(file, '{}', AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });
});
