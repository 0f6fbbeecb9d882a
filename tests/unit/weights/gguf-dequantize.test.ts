import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { DEQUANTIZERS } from '../../../src/engine/weights/gguf/dequantize.ts';
import { readGguf } from '../../../src/engine/weights/gguf/gguf-file.ts';
import { safetensorsView, type ViewedTensor } from '../../../src/engine/weights/gguf/safetensors-view.ts';
import { ggufTypeName } from '../../../src/engine/weights/gguf/types.ts';
import { readFloats, readSafetensors, tensorBytes } from '../../../src/engine/weights/safetensors.ts';
import { ggufBytes, type TensorOfFile } from './gguf-writer.ts';
import { bytesOf, randomFloats } from './support.ts';

interface Golden {
  type: keyof typeof DEQUANTIZERS;
  blocks: string;
  values: string;
}
const { types: goldens } = JSON.parse(readFileSync('tests/reference/goldens/gguf-blocks.json', 'utf8')) as {
  types: Golden[];
};
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const typeId = (name: string): number => Array.from({ length: 64 }, (_, i) => i).find((i) => ggufTypeName(i) === name)!;

describe('the blocks of quantised tensors', () => {
  it('have a golden for every type that is dequantised', () => {
    expect(goldens.map(({ type }) => type).sort()).toEqual(Object.keys(DEQUANTIZERS).sort());
  });

  it.each(goldens)('of $type give the values of the gguf package, bit for bit', ({ type, blocks, values }) => {
    const wanted = decode(values);
    const target = new Float32Array(wanted.byteLength / 4).fill(NaN);
    DEQUANTIZERS[type](decode(blocks), target);
    expect(Buffer.compare(bytesOf(target), wanted)).toBe(0);
    // Not from the start of a buffer either.
    const moved = new Uint8Array(decode(blocks).byteLength + 1);
    moved.set(decode(blocks), 1);
    DEQUANTIZERS[type](moved.subarray(1), target.fill(NaN));
    expect(Buffer.compare(bytesOf(target), wanted)).toBe(0);
  });
});

describe('safetensorsView', () => {
  const floats = randomFloats(6, 3);
  const stored: TensorOfFile[] = [
    { name: 'f32', dimensions: [3, 2], type: 0, data: bytesOf(floats) },
    { name: 'f16', dimensions: [5], type: 1, data: bytesOf(new Uint16Array([0x3c00, 0x7e01, 0xfc00, 1, 0x8000])) },
    { name: 'bf16', dimensions: [2, 2], type: 30, data: bytesOf(new Uint16Array([0x3f80, 0x7fc1, 0xff80, 1])) },
    ...goldens.map(({ type, blocks }) => ({
      name: type,
      dimensions: [(decode(blocks).byteLength / blockBytes(type)) * (type.endsWith('K') ? 256 : 32)],
      type: typeId(type),
      data: decode(blocks),
    })),
  ];

  function blockBytes(type: string): number {
    return { Q4_0: 18, Q4_1: 20, Q5_0: 22, Q5_1: 24, Q8_0: 34, Q4_K: 144, Q5_K: 176, Q6_K: 210 }[type] ?? NaN;
  }

  async function view(change: (name: string) => Partial<ViewedTensor> = () => ({})) {
    const file = await readGguf(memorySource('m.gguf', ggufBytes({}, stored)));
    const tensors = file.tensors.map((tensor) => ({ name: `new.${tensor.name}`, tensor, ...change(tensor.name) }));
    return { file, source: safetensorsView('model.safetensors', file, tensors) };
  }

  it('is a safetensors file with the values dequantised and the others as they are', async () => {
    const { file, source } = await view();
    const opened = await readSafetensors(source);
    expect(source.stored).toBe(file.source);
    expect(opened.metadata).toEqual({ format: 'pt' });
    expect(opened.tensors.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual([
      'new.f32 F32',
      'new.f16 F16',
      'new.bf16 BF16',
      ...goldens.map(({ type }) => `new.${type} F32`),
    ]);
    for (const [i, entry] of opened.tensors.entries()) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of tensorBytes(opened, entry)) chunks.push(chunk);
      const golden = goldens.find(({ type }) => entry.name === `new.${type}`);
      expect(Buffer.compare(Buffer.concat(chunks), golden ? decode(golden.values) : stored[i].data), entry.name).toBe(
        0,
      );
    }
  });

  it('gives the same bytes in whatever pieces they are asked for', async () => {
    const { source } = await view((name) =>
      name === 'f32' ? { arrangement: { transposed: true } } : name === 'Q6_K' ? { arrangement: { plus: 1 } } : {},
    );
    const whole = (await source.read(0, source.size)).slice();
    const pieces: Uint8Array[] = [];
    for (let start = 0; start < source.size; start += 1237) {
      pieces.push((await source.read(start, Math.min(start + 1237, source.size))).slice());
    }
    expect(Buffer.compare(Buffer.concat(pieces), whole)).toBe(0);
    // And backwards.
    for (let end = source.size; end > 0; end -= 3571) {
      const start = Math.max(0, end - 3571);
      expect(Buffer.compare(await source.read(start, end), whole.subarray(start, end))).toBe(0);
    }
    await expect(source.read(0, source.size + 1)).rejects.toThrow(/outside the file/);
  });

  it('transposes, orders rows and adds', async () => {
    const { source } = await view((name) => {
      if (name === 'f32') return { arrangement: { transposed: true } };
      if (name === 'f16') return { arrangement: { rowOf: (row) => 4 - row } };
      if (name === 'bf16') return { arrangement: { plus: 1, rowOf: (row) => 1 - row } };
      return {};
    });
    const opened = await readSafetensors(source);
    const [f32, f16] = opened.tensors;
    expect(f32.shape).toEqual([3, 2]);
    const [a, b, c, d, e, f] = floats;
    expect([...(await readFloats(opened, 'new.f32'))]).toEqual([a, d, b, e, c, f]);
    expect(new Uint16Array((await source.read(f16.start, f16.end)).slice().buffer)).toEqual(
      new Uint16Array([0x8000, 1, 0xfc00, 0x7e01, 0x3c00]),
    );
    const [infinite, one, two, nan] = await readFloats(opened, 'new.bf16');
    expect([infinite, one, two]).toEqual([-Infinity, 1, 2]);
    expect(nan).toBeNaN();
  });
});
