import { describe, expect, it } from 'vitest';
import { decodeFloats, encodeFloats, firstNotFinite, type FloatDtype } from '../../../src/engine/weights/dtype.ts';
import { bytesOf } from './support.ts';

const all16 = Uint16Array.from({ length: 65_536 }, (_, i) => i);

/** The value of a 16-bit float by its definition, in double precision. */
function valueOf(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  if (exponent === 2 ** exponentBits - 1) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

const formats = [
  { dtype: 'F16' as const, exponentBits: 5, mantissaBits: 10, infinity: 0x7c00 },
  { dtype: 'BF16' as const, exponentBits: 8, mantissaBits: 7, infinity: 0x7f80 },
];

function decode(bits: Uint16Array, dtype: FloatDtype): Float32Array {
  const values = new Float32Array(bits.length);
  decodeFloats(bytesOf(bits), dtype, values);
  return values;
}

function encode(values: number[] | Float32Array, dtype: FloatDtype): number[] {
  return [...new Uint16Array(encodeFloats(Float32Array.from(values), dtype).buffer)];
}

describe.each(formats)('$dtype', ({ dtype, exponentBits, mantissaBits, infinity }) => {
  it('decodes each of the 65,536 patterns to its defined value', () => {
    const values = decode(all16, dtype);
    const wrong = [...all16].filter((bits) => !Object.is(values[bits], valueOf(bits, exponentBits, mantissaBits)));
    expect(wrong).toEqual([]);
  });

  it('gives every pattern back, and keeps NaN a NaN of the same sign', () => {
    const back = encode(decode(all16, dtype), dtype);
    const wrong = [...all16].filter((bits) => {
      if ((bits & 0x7fff) <= infinity) return back[bits] !== bits;
      return (back[bits] & 0x8000) !== (bits & 0x8000) || (back[bits] & 0x7fff) <= infinity;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds to nearest, ties to even, between every pair of neighbours', () => {
    const values = decode(all16, dtype);
    const inputs: number[] = [];
    const expected: number[] = [];
    for (let low = 0; low < infinity; low += 1) {
      // Above the largest finite value comes what would be the next power of two.
      const upper = low + 1 === infinity ? 2 ** (2 ** (exponentBits - 1)) : values[low + 1];
      const middle = values[low] / 2 + upper / 2;
      const even = low % 2 === 0 ? low : low + 1;
      inputs.push(nextFloat(middle, -1), middle, nextFloat(middle, 1), -middle);
      expected.push(low, even, low + 1, 0x8000 | even);
    }
    const rounded = encode(inputs, dtype);
    expect(inputs.length).toBe(4 * infinity);
    expect(rounded.findIndex((bits, i) => bits !== expected[i])).toBe(-1);
  });

  it('finds the first value that is not finite once rounded', () => {
    const max = valueOf(infinity - 1, exponentBits, mantissaBits);
    const limit = max + (max - valueOf(infinity - 2, exponentBits, mantissaBits)) / 2;
    expect(firstNotFinite(Float32Array.of(0.5, -max, nextFloat(limit, -1)), dtype)).toBe(-1);
    expect(firstNotFinite(Float32Array.of(0.5, -limit, limit), dtype)).toBe(1);
    expect(firstNotFinite(Float32Array.of(0.5, 1, NaN), dtype)).toBe(2);
    expect(encode([nextFloat(limit, -1), limit], dtype)).toEqual([infinity - 1, infinity]);
  });
});

/** The float32 next to a positive value, away from or towards zero. */
function nextFloat(value: number, direction: 1 | -1): number {
  const cell = Float32Array.of(value);
  new Uint32Array(cell.buffer)[0] += direction;
  return cell[0];
}

describe('decodeFloats', () => {
  it.each(['F32', 'F16', 'BF16'] as const)('reads %s from an odd address into the middle of an array', (dtype) => {
    const encoded = encodeFloats(Float32Array.of(1.5, -2.25, 384), dtype);
    const shifted = new Uint8Array(encoded.length + 1);
    shifted.set(encoded, 1);
    const values = new Float32Array(6).fill(7);
    decodeFloats(shifted.subarray(1), dtype, values.subarray(1), 1);
    expect([...values]).toEqual([7, 7, 1.5, -2.25, 384, 7]);
  });

  it('keeps every bit of float32, NaN payloads included', () => {
    const bits = Uint32Array.of(0x7fc12345, 0xff812345, 0x80000001, 0x00000000, 0x80000000, 0x7f800000);
    const values = new Float32Array(6);
    decodeFloats(bytesOf(bits), 'F32', values);
    expect([...new Uint32Array(values.buffer)]).toEqual([...bits]);
    expect([...encodeFloats(values.subarray(1, 4), 'F32')]).toEqual([...bytesOf(bits).subarray(4, 16)]);
  });
});
