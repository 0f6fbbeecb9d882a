import { describe, expect, it } from 'vitest';
import { CancelledError, SafetensorsError } from '../../../src/engine/errors.ts';
import { blobSource, memorySource, type ByteSource } from '../../../src/engine/weights/byte-source.ts';
import { encodeFloats, type Dtype } from '../../../src/engine/weights/dtype.ts';
import { collect, safetensorsParts, toBlob } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors, tensorBytes } from '../../../src/engine/weights/safetensors.ts';
import { bytesOf, open, randomFloats, rawFile } from './support.ts';

async function failure(promise: Promise<unknown>): Promise<SafetensorsError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SafetensorsError);
  return error as SafetensorsError;
}

const entry = (dtype: string, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

describe('readSafetensors', () => {
  it('reads what the format allows', async () => {
    const header =
      `{"b":${entry('F32', [2], [6, 14])},"__metadata__":{"format":"pt","__proto__":"x"},"0":${entry('BF16', [], [14, 16])},` +
      `"e\\u0041":${entry('F16', [3, 0], [6, 6])},"__proto__":${entry('U8', [2, 3], [0, 6])}}   `;
    const file = await open(rawFile(header, 16));
    const start = 8 + header.length;
    expect(file.dataStart).toBe(start);
    expect(Object.entries(file.metadata)).toEqual([
      ['format', 'pt'],
      ['__proto__', 'x'],
    ]);
    expect(file.tensors).toEqual([
      { name: '__proto__', dtype: 'U8', shape: [2, 3], start, end: start + 6 },
      { name: 'eA', dtype: 'F16', shape: [3, 0], start: start + 6, end: start + 6 },
      { name: 'b', dtype: 'F32', shape: [2], start: start + 6, end: start + 14 },
      { name: '0', dtype: 'BF16', shape: [], start: start + 14, end: start + 16 },
    ]);
    expect((await open(rawFile('{}', 0))).tensors).toEqual([]);
    expect((await open(rawFile('{"__metadata__":null}', 0))).metadata).toEqual({});
  });

  const good = `"a":${entry('F32', [2], [0, 8])}`;
  it.each<[what: string, bytes: Uint8Array, tensor: string | null, message: RegExp]>([
    ['an empty file', new Uint8Array(), null, /has 0 bytes/],
    ['seven bytes', new Uint8Array(7), null, /at least 8/],
    ['a header length of zero', rawFile('', 0), null, /does not begin/],
    ['a huge header length', rawFile('{}', 0, 2n ** 64n - 1n), null, /18446744073709551615 bytes/],
    ['a header length just over the limit', rawFile('{}', 0, 100_000_001n), null, /100000001 bytes/],
    ['a header longer than the file', rawFile('{}', 6, 9n), null, /ends inside its header/],
    ['a header that begins with a space', rawFile(' {}', 0), null, /does not begin with “{”/],
    ['a header that begins with a byte order mark', rawFile('\uFEFF{}', 0), null, /does not begin with “{”/],
    [
      'a web page',
      new TextEncoder().encode('<!doctype html><html></html>'),
      null,
      /is a web page, not a file of weights/,
    ],
    ['an error of a store', new TextEncoder().encode('<?xml version="1.0"?><Error/>'), null, /is a web page/],
    [
      'a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'),
      null,
      /is a Git LFS pointer/,
    ],
    ['an array', rawFile('[1]', 0), null, /does not begin/],
    ['JSON that is cut off', rawFile(`{${good}`, 8), null, /not valid JSON/],
    ['JSON with something after it', rawFile(`{${good}}x`, 8), null, /not valid JSON/],
    ['invalid UTF-8', rawFile(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0), null, /not UTF-8/],
    ['a tensor named twice', rawFile(`{${good},${good}}`, 8), 'a', /names “a” twice/],
    ['a tensor named twice, once in escapes', rawFile(`{${good},"\\u0061":1}`, 8), 'a', /names “a” twice/],
    [
      'a field named twice',
      rawFile('{"a":{"dtype":"F32","shape":[2],"shape":[1]}}', 8),
      'a',
      /“a” names “shape” twice/,
    ],
    ['metadata that is an array', rawFile('{"__metadata__":["a"]}', 0), null, /metadata/],
    ['metadata with a number', rawFile('{"__metadata__":{"a":1}}', 0), null, /metadata/],
    ['an entry that is null', rawFile('{"a":null}', 0), 'a', /its entry is not usable/],
    ['an entry without a dtype', rawFile('{"a":{"shape":[],"data_offsets":[0,4]}}', 4), 'a', /dtype/],
    ['an unknown dtype', rawFile(`{"a":${entry('F4', [8], [0, 4])}}`, 4), 'a', /“F4” is not known/],
    ['a dtype off the prototype', rawFile(`{"a":${entry('constructor', [2], [0, 4])}}`, 4), 'a', /not known/],
    ['a lower-case dtype', rawFile(`{"a":${entry('f32', [1], [0, 4])}}`, 4), 'a', /not known/],
    ['a shape that is a number', rawFile(`{"a":${entry('F32', 1, [0, 4])}}`, 4), 'a', /shape/],
    ['a negative dimension', rawFile(`{"a":${entry('F32', [-1], [0, 4])}}`, 4), 'a', /shape\.0/],
    ['two negative dimensions', rawFile(`{"a":${entry('F32', [-1, -1], [0, 4])}}`, 4), 'a', /shape\.0/],
    ['a fractional dimension', rawFile(`{"a":${entry('F32', [0.5, 2], [0, 4])}}`, 4), 'a', /shape\.0/],
    [
      'a dimension beyond 2^53',
      rawFile('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4),
      'a',
      /shape\.0/,
    ],
    [
      'a shape whose product overflows',
      rawFile(`{"a":${entry('F32', [2 ** 32, 2 ** 32], [0, 0])}}`, 0),
      'a',
      /counted/,
    ],
    [
      'a product that wraps to the right size',
      rawFile(`{"a":${entry('U8', [2 ** 52, 2 ** 52, 0], [0, 0])}}`, 0),
      'a',
      /counted/,
    ],
    ['one offset', rawFile(`{"a":${entry('F32', [1], [0])}}`, 4), 'a', /data_offsets/],
    ['three offsets', rawFile(`{"a":${entry('F32', [1], [0, 4, 4])}}`, 4), 'a', /data_offsets/],
    ['a negative offset', rawFile(`{"a":${entry('F32', [2], [-4, 4])}}`, 4), 'a', /data_offsets\.0/],
    ['a fractional offset', rawFile(`{"a":${entry('F32', [1], [0.5, 4.5])}}`, 5), 'a', /data_offsets\.0/],
    ['offsets as text', rawFile(`{"a":${entry('F32', [1], ['0', '4'])}}`, 4), 'a', /data_offsets/],
    ['an end before the start', rawFile(`{"a":${entry('F32', [1], [4, 0])}}`, 4), 'a', /before it starts/],
    ['data past the end of the file', rawFile(`{${good}}`, 7), 'a', /only 7 bytes/],
    [
      'a shape larger than its bytes',
      rawFile(`{"a":${entry('F32', [3], [0, 8])}}`, 8),
      'a',
      /needs 12 bytes.*gives it 8/,
    ],
    ['a shape smaller than its bytes', rawFile(`{"a":${entry('F16', [3], [0, 8])}}`, 8), 'a', /needs 6 bytes/],
    ['two tensors on the same bytes', rawFile(`{${good},"b":${entry('I64', [1], [0, 8])}}`, 8), 'b', /overlaps “a”/],
    [
      'two tensors that overlap in part',
      rawFile(`{${good},"b":${entry('F16', [3], [6, 12])}}`, 12),
      'b',
      /overlaps “a”/,
    ],
    ['a hole in front', rawFile(`{"a":${entry('F32', [1], [4, 8])}}`, 8), 'a', /4 bytes before it/],
    [
      'a hole between two',
      rawFile(`{${good},"b":${entry('U8', [1], [9, 10])}}`, 10),
      'b',
      /1 bytes between it and “a”/,
    ],
    ['bytes after the last tensor', rawFile(`{${good}}`, 11), null, /last 3 bytes/],
    ['data and no tensor', rawFile('{}', 5), null, /last 5 bytes/],
  ])('refuses %s', async (_, bytes, tensor, message) => {
    const error = await failure(open(bytes));
    expect(error.message).toMatch(message);
    expect([error.tensor, error.code]).toEqual([tensor, 'safetensors']);
  });

  it('refuses every truncation of a good file', async () => {
    const bytes = rawFile(`{${good},"b":${entry('F16', [2, 2], [8, 16])}}`, 16);
    expect((await open(bytes)).tensors.length).toBe(2);
    for (let size = 0; size < bytes.length; size += 1) await failure(open(bytes.subarray(0, size)));
  });

  it('never breaks in another way when single bytes of the header are changed', async () => {
    const bytes = rawFile(`{"__metadata__":{"k":"v"},${good},"b":${entry('F16', [2, 2], [8, 16])}}`, 16);
    let refused = 0;
    for (let at = 0; at < bytes.length - 16; at += 1) {
      for (const value of [0x00, 0x22, 0x2d, 0x31, 0x5b, 0x7b, 0x7d, 0xff]) {
        const changed = bytes.slice();
        changed[at] = value;
        const error: unknown = await open(changed).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error !== null) {
          expect(error).toBeInstanceOf(SafetensorsError);
          refused += 1;
        }
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});

describe('readFloats', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('reads %s across chunks and at odd addresses', async (dtype) => {
    // 9 M values are more than one 16 MiB chunk of every dtype; the single byte before makes every address odd.
    const count = 9_000_001;
    const pattern = Float32Array.from({ length: count }, (_, i) => (i % 251) - 125);
    const parts = safetensorsParts([
      { name: 'one', dtype: 'U8', shape: [1], bytes: () => Uint8Array.of(1) },
      { name: 'w', dtype, shape: [count], bytes: () => encodeFloats(pattern, dtype) },
    ]);
    const file = await readSafetensors(blobSource('w.safetensors', await toBlob(parts)));
    const values = await readFloats(file, 'w');
    expect(values.length).toBe(count);
    expect(values.findIndex((value, i) => value !== pattern[i])).toBe(-1);
  });

  it('refuses other dtypes and unknown names, by name', async () => {
    const file = await open(rawFile(`{"ids":${entry('I64', [1], [0, 8])}}`, 8));
    expect((await failure(readFloats(file, 'ids'))).message).toMatch(/“ids” is stored as I64/);
    expect((await failure(readFloats(file, 'toString'))).tensor).toBe('toString');
  });

  it('stops between chunks when it is cancelled', async () => {
    const bytes = await collect(
      safetensorsParts([{ name: 'w', dtype: 'U8', shape: [40_000_000], bytes: () => new Uint8Array(40_000_000) }]),
    );
    const abort = new AbortController();
    const memory = memorySource('w', bytes);
    let reads = 0;
    const source: ByteSource = { ...memory, read: (start, end) => ((reads += 1), memory.read(start, end)) };
    const file = await readSafetensors(source);
    reads = 0;
    const reading = (async () => {
      for await (const chunk of tensorBytes(file, file.tensors[0], abort.signal)) {
        expect(chunk.byteLength).toBe(16 * 1024 * 1024);
        abort.abort();
      }
    })();
    await expect(reading).rejects.toBeInstanceOf(CancelledError);
    expect(reads).toBe(1);
    await expect(readFloats(file, 'w', AbortSignal.abort())).rejects.toThrow();
  });
});

describe('safetensorsParts', () => {
  const weights = randomFloats(6, 1);
  const tensors: { name: string; dtype: Dtype; shape: number[]; data: Uint8Array }[] = [
    { name: 'z.weight', dtype: 'F32', shape: [2, 3], data: bytesOf(weights) },
    { name: '10', dtype: 'I64', shape: [1], data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
    { name: 'naïve "重み"\n', dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
    { name: '2', dtype: 'F16', shape: [0, 4], data: new Uint8Array() },
    { name: '__proto__', dtype: 'BF16', shape: [], data: Uint8Array.of(0x80, 0x3f) },
  ];
  const entries = tensors.map(({ data, ...rest }) => ({ ...rest, bytes: () => data }));

  it('is read back with the same names, order, dtypes, shapes, data and metadata', async () => {
    const parts = safetensorsParts(entries, { format: 'pt', note: '重み' });
    const bytes = await collect(parts);
    expect(bytes.length).toBe(parts.size);
    const file = await open(bytes);
    expect(file.dataStart % 8).toBe(0);
    expect(file.metadata).toEqual({ format: 'pt', note: '重み' });
    expect(file.tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual(
      tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    );
    file.tensors.forEach(({ start, end }, i) => {
      expect([...bytes.subarray(start, end)]).toEqual([...tensors[i].data]);
    });
    expect(await readFloats(file, 'z.weight')).toEqual(weights);
  });

  it('writes the bytes that the format prescribes', async () => {
    const bytes = await collect(
      safetensorsParts([{ name: 'a', dtype: 'F16', shape: [1], bytes: () => Uint8Array.of(0, 0x3c) }]),
    );
    const text = '{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}  ';
    expect([...bytes]).toEqual([56, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(text), 0, 0x3c]);
  });

  it('gives the same file as a Blob, from chunks, and a second time', async () => {
    const chunked = entries.map((tensor) => ({
      ...tensor,
      bytes: async function* () {
        for (const byte of tensor.bytes()) yield Uint8Array.of(byte);
      },
    }));
    const parts = safetensorsParts(chunked, { format: 'pt' });
    const expected = await collect(safetensorsParts(entries, { format: 'pt' }));
    expect(new Uint8Array(await (await toBlob(parts)).arrayBuffer())).toEqual(expected);
    expect(await collect(parts)).toEqual(expected);
  });

  it('refuses names that are taken and bytes that do not fit', async () => {
    const one = { name: 'a', dtype: 'U8' as const, shape: [2], bytes: () => Uint8Array.of(1) };
    expect(() => safetensorsParts([one, one])).toThrow(SafetensorsError);
    expect(() => safetensorsParts([{ ...one, name: '__metadata__' }])).toThrow(SafetensorsError);
    expect((await failure(toBlob(safetensorsParts([one])))).message).toMatch(/“a” gave only 1 bytes.*needs 2/);
    const long = { ...one, bytes: () => new Uint8Array(3) };
    expect((await failure(collect(safetensorsParts([long])))).message).toMatch(/“a” gave more than 2/);
  });

  it('stops when it is cancelled', async () => {
    await expect(toBlob(safetensorsParts(entries), AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
    await expect(collect(safetensorsParts(entries), AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });
});
