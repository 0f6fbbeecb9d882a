/** Small safetensors files and seeded numbers for the tests of weights and exporting. */
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import { readSafetensors, type SafetensorsFile } from '../../../src/engine/weights/safetensors.ts';

/** A file from header text (or bytes) and data; the header's length is right unless `length` says otherwise. */
export function rawFile(header: string | Uint8Array, dataBytes: number, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  for (let i = 0; i < dataBytes; i += 1) bytes[8 + text.length + i] = (i * 37 + 11) & 0xff;
  return bytes;
}

export function open(bytes: Uint8Array): Promise<SafetensorsFile> {
  return readSafetensors(memorySource('test.safetensors', bytes));
}

/** Uniform in [−scale, scale), the same for the same seed (mulberry32). */
export function randomFloats(count: number, seed: number, scale = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1) * scale;
  });
}

export function bytesOf(values: Float32Array | Float64Array | Uint32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A file of tensors, each filled with `fill` plus its own place. */
export function tensorFile(names: readonly string[], fill = 1): Promise<Uint8Array> {
  return collect(
    safetensorsParts(
      names.map((name, i) => ({
        name,
        dtype: 'F32',
        shape: [2],
        bytes: () => bytesOf(Float32Array.of(fill + i, -fill - i)),
      })),
    ),
  );
}
