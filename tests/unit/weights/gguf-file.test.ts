import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { memorySource, type ByteSource } from '../../../src/engine/weights/byte-source.ts';
import { readGguf, type GgufFile } from '../../../src/engine/weights/gguf/gguf-file.ts';
import { ggufBytes, type Metadata, type TensorOfFile } from './gguf-writer.ts';
import { bytesOf, randomFloats } from './support.ts';

const open = (bytes: Uint8Array): Promise<GgufFile> => readGguf(memorySource('m.gguf', bytes));

const metadata: Metadata = {
  'general.architecture': { text: 'llama' },
  count: { u32: 4_000_000_000 },
  large: { u64: 2n ** 60n + 1n },
  small: { u64: 12n },
  negative: { i8: -5 },
  epsilon: { f32: 0.5 },
  yes: { bool: true },
  empty: { text: '' },
  tokens: { texts: ['▁a', '', 'Ġ', '𝒳', '\ufeffa'] },
  types: { i32s: [1, -2, 3] },
  nested: { nested: [[1, 2], [], [3]] },
};

const tensors: TensorOfFile[] = [
  { name: 'a.weight', dimensions: [3, 2], type: 0, data: bytesOf(randomFloats(6, 1)) },
  { name: 'b.bias', dimensions: [5], type: 1, data: bytesOf(new Uint16Array([1, 2, 3, 4, 5])) },
  { name: 'c', dimensions: [64, 2, 3], type: 8, data: new Uint8Array(2 * 6 * 34) },
];

describe('readGguf', () => {
  it.each([2, 3])('reads metadata of every kind and the places of the tensors (version %i)', async (version) => {
    const bytes = ggufBytes(metadata, tensors, { version });
    const file = await open(bytes);
    expect(Object.fromEntries(file.metadata)).toEqual({
      'general.architecture': 'llama',
      count: 4_000_000_000,
      large: 2n ** 60n + 1n,
      small: 12,
      negative: -5,
      epsilon: 0.5,
      yes: true,
      empty: '',
      tokens: ['▁a', '', 'Ġ', '𝒳', '\ufeffa'],
      types: [1, -2, 3],
      nested: [[1, 2], [], [3]],
    });
    expect(file.tensors.map(({ name, type, shape }) => [name, type.name, shape])).toEqual([
      ['a.weight', 'F32', [2, 3]],
      ['b.bias', 'F16', [5]],
      ['c', 'Q8_0', [3, 2, 64]],
    ]);
    for (const [i, { start, end }] of file.tensors.entries()) {
      expect(start % 32).toBe(0);
      expect(bytes.slice(start, end)).toEqual(tensors[i].data);
    }
  });

  it('takes the alignment that the metadata names', async () => {
    const bytes = ggufBytes({ 'general.alignment': { u32: 128 } }, tensors, { alignment: 128 });
    const file = await open(bytes);
    expect(file.tensors.map(({ start }) => start % 128)).toEqual([0, 0, 0]);
    expect(bytes.slice(file.tensors[0].start, file.tensors[0].end)).toEqual(tensors[0].data);
    await expect(open(ggufBytes({ 'general.alignment': { u32: 0 } }))).rejects.toThrow(/general\.alignment/);
  });

  it('asks for more when the header is longer than what it reads at first, and never for the data', async () => {
    const texts = Array.from({ length: 400_000 }, (_, i) => `token number ${i}`);
    const bytes = ggufBytes({ tokens: { texts } }, [
      { name: 'a', dimensions: [4_000_000], type: 0, data: new Uint8Array(16_000_000) },
    ]);
    let furthest = 0;
    const memory = memorySource('m.gguf', bytes);
    const source: ByteSource = {
      ...memory,
      read: (start, end) => {
        furthest = Math.max(furthest, end);
        return memory.read(start, end);
      },
    };
    const file = await readGguf(source);
    expect(file.metadata.get('tokens')).toHaveLength(400_000);
    expect(file.tensors[0].start).toBeGreaterThan(8_000_000);
    expect(furthest).toBeLessThan(bytes.length);
  });

  it('refuses a file that ends too soon, wherever it ends', async () => {
    const bytes = ggufBytes(metadata, tensors);
    const { start, end } = (await open(bytes)).tensors[2];
    // The padding after the last tensor may be missing.
    for (let length = 0; length < end; length += length < start ? 1 : 29) {
      await expect(open(bytes.slice(0, length)), `${length} bytes`).rejects.toThrow(ModelError);
    }
    await expect(open(bytes.slice(0, 100))).rejects.toThrow(/ends inside its header, after 100 bytes/);
    await expect(open(bytes.slice(0, end - 1))).rejects.toThrow(/tensor “c” ends at byte/);
    expect((await open(bytes.slice(0, end))).tensors).toHaveLength(3);
  });

  const one = (tensor: Partial<TensorOfFile>): TensorOfFile[] => [{ ...tensors[0], ...tensor }];
  it.each<[string, Uint8Array, RegExp]>([
    ['another file', ggufBytes(metadata, [], { magic: 'GGML' }), /does not begin with “GGUF”/],
    ['version 1', ggufBytes(metadata, [], { version: 1 }), /version 1; versions 2 and 3/],
    ['version 4', ggufBytes(metadata, [], { version: 4 }), /version 4/],
    ['big-endian', ggufBytes(metadata, [], { bigEndian: true }), /is big-endian/],
    ['a value of unknown type', ggufBytes({ odd: { type: 13 } }), /“odd” has a value of the unknown type 13/],
    ['a format known by name', ggufBytes({}, one({ type: 10 })), /“a\.weight” is stored as Q2_K/],
    ['an importance format', ggufBytes({}, one({ type: 23 })), /IQ4_XS/],
    ['a number format', ggufBytes({}, one({ type: 26 })), /I32/],
    ['a format without a name', ggufBytes({}, one({ type: 99 })), /stored as number 99/],
    ['rows that are no whole blocks', ggufBytes({}, one({ type: 8 })), /rows of 3 values; Q8_0 has blocks of 32/],
    ['an offset outside', ggufBytes({}, [...one({}), ...one({ name: 'far', offset: 1e9 })]), /“far” ends at byte/],
    ['a size without measure', ggufBytes({}, one({ dimensions: [2 ** 50, 2 ** 50] })), /“a\.weight” ends at byte/],
    ['five dimensions', ggufBytes({}, one({ dimensions: [1, 1, 1, 3, 2] })), /5 dimensions/],
    ['one name twice', ggufBytes({}, [tensors[0], tensors[0]]), /two tensors called “a\.weight”/],
  ])('refuses %s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(ModelError);
    await expect(open(bytes)).rejects.toThrow(message);
  });

  it('refuses a text that is not UTF-8 and a key that is there twice', async () => {
    const bytes = ggufBytes({ first: { text: 'aaaa' }, other: { u32: 1 } });
    const at = Buffer.from(bytes).indexOf('aaaa');
    const broken = bytes.slice();
    broken[at] = 0xff;
    await expect(open(broken)).rejects.toThrow(/not UTF-8/);
    const twice = bytes.slice();
    twice.set(new TextEncoder().encode('first'), Buffer.from(bytes).indexOf('other'));
    await expect(open(twice)).rejects.toThrow(/has “first” twice/);
  });

  it('does not believe a length that no file has', async () => {
    const bytes = ggufBytes({ tokens: { texts: ['a'] } });
    const view = new DataView(bytes.buffer);
    const at = Buffer.from(bytes).indexOf('tokens') + 'tokens'.length + 8;
    view.setBigUint64(at, 2n ** 40n, true);
    await expect(open(bytes)).rejects.toThrow(/ends inside its header/);
    view.setBigUint64(at, 2n ** 63n, true);
    await expect(open(bytes)).rejects.toThrow(/length of “tokens” is 9223372036854775808/);
  });
});
