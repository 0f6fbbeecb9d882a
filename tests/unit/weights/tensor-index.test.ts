import { describe, expect, it } from 'vitest';
import { SafetensorsError } from '../../../src/engine/errors.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { readSafetensors, type SafetensorsFile } from '../../../src/engine/weights/safetensors.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';
import { bytesOf, rawFile, tensorFile } from './support.ts';

async function shard(name: string, tensors: readonly string[], fill: number): Promise<SafetensorsFile> {
  return readSafetensors(memorySource(name, await tensorFile(tensors, fill)));
}

describe('TensorIndex', () => {
  it('finds tensors over shards, in the order of the shards and of their data', async () => {
    const shards = [await shard('second', ['z', '1'], 1), await shard('first', ['a', '__proto__'], 10)];
    const index = TensorIndex.of(shards);
    expect(index.tensors.map(({ name }) => name)).toEqual(['z', '1', 'a', '__proto__']);
    expect(index.tensors.map((tensor) => tensor.shard)).toEqual([shards[0], shards[0], shards[1], shards[1]]);
    expect(index.size).toBe(shards[0].source.size + shards[1].source.size);
    expect([index.has('__proto__'), index.has('toString'), index.get('toString')]).toEqual([true, false, undefined]);
    expect(index.entry('a')).toEqual({ ...shards[1].tensors[0], shard: shards[1] });
    expect([...(await index.floats('1'))]).toEqual([2, -2]);
    expect([...(await index.floats('__proto__'))]).toEqual([11, -11]);
    const chunks: Uint8Array[] = [];
    for await (const chunk of index.bytes('a')) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(bytesOf(Float32Array.of(10, -10)))).toBe(true);
  });

  it('refuses a name that two shards hold', async () => {
    const shards = [await shard('x', ['a', 'b'], 1), await shard('y', ['c', 'b'], 1)];
    expect(() => TensorIndex.of(shards)).toThrow(SafetensorsError);
    expect(() => TensorIndex.of(shards)).toThrow(/“b” lies in two files, “x” and “y”/);
  });

  it('names a tensor that is not there, or cannot be read as numbers', async () => {
    const one = TensorIndex.of([await shard('w.safetensors', ['a'], 1)]);
    const two = TensorIndex.of([await shard('x', ['a'], 1), await shard('y', ['b'], 1)]);
    expect(() => one.entry('b')).toThrow('“w.safetensors” has no tensor called “b”.');
    expect(() => two.entry('c')).toThrow('None of the 2 files has a tensor called “c”.');
    expect(() => two.bytes('c')).toThrow(SafetensorsError);
    await expect(two.floats('c')).rejects.toBeInstanceOf(SafetensorsError);
    await expect(two.floats('a', AbortSignal.abort())).rejects.toThrow('Cancelled');
    const ids = rawFile('{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}', 8);
    const integers = TensorIndex.of([await readSafetensors(memorySource('i', ids))]);
    await expect(integers.floats('ids')).rejects.toThrow(/“ids” is stored as I64/);
  });
});
