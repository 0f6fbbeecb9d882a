/**
 * The number formats of safetensors and their exact conversion from and to float32.
 * Bytes are little-endian, as in the file and on every platform with WebAssembly.
 *
 * Halves by table, not by Float16Array: of 50 million, its ponyfill takes 4 times as long to encode and over 10 times to decode, and
 * Chromium's own gains nothing at decoding, quiets signalling NaNs and changes the payloads of others.
 */

/** Bytes per element of every dtype a header may name. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

/** The dtypes that weights are read from and written to. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Magnitudes (as float32 bits) from which a value is infinite or NaN, or becomes infinite when rounded to the dtype. */
const OVERFLOW_BITS: Record<FloatDtype, number> = {
  F32: 0x7f800000,
  F16: 0x477ff000, // 65520: halfway between the largest half, 65504, and 2^16
  BF16: 0x7f7f8000, // halfway between the largest bfloat16 and 2^128
};

/** Index of the first value that is not finite in `dtype`, or −1. */
export function firstNotFinite(values: Float32Array, dtype: FloatDtype): number {
  const bits = asBits(values);
  const limit = OVERFLOW_BITS[dtype];
  for (let i = 0; i < bits.length; i += 1) {
    if ((bits[i] & 0x7fffffff) >= limit) return i;
  }
  return -1;
}

/**
 * Writes the elements in `bytes` to `target` from index `offset` on. Exact; NaN payloads are kept.
 * `bytes` may start at any address and holds whole elements.
 */
export function decodeFloats(bytes: Uint8Array, dtype: FloatDtype, target: Float32Array, offset = 0): void {
  if (dtype === 'F32') {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes, offset * 4);
    return;
  }
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
  const bits = asBits(target);
  if (dtype === 'BF16') {
    for (let i = 0; i < halves.length; i += 1) bits[offset + i] = halves[i] << 16;
  } else {
    halfTable ??= buildHalfTable();
    for (let i = 0; i < halves.length; i += 1) bits[offset + i] = halfTable[halves[i]];
  }
}

/** The values in `dtype`, rounded to nearest, ties to even; what is too large becomes infinite (see {@link firstNotFinite}). */
export function encodeFloats(values: Float32Array, dtype: FloatDtype): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32') {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
  }
  const bits = asBits(values);
  const halves = new Uint16Array(values.length);
  if (dtype === 'BF16') {
    for (let i = 0; i < bits.length; i += 1) halves[i] = toBfloat16Bits(bits[i]);
  } else {
    for (let i = 0; i < bits.length; i += 1) halves[i] = toFloat16Bits(bits[i]);
  }
  return new Uint8Array(halves.buffer);
}

/**
 * The elements in `bytes` as halves, or null where one of them has none that is equal. `bytes` holds whole elements.
 */
export function exactHalves(bytes: Uint8Array, dtype: 'F16' | 'BF16'): Uint16Array | null {
  const own = bytes.slice();
  const elements = new Uint16Array(own.buffer);
  if (dtype === 'F16') return elements;
  halfTable ??= buildHalfTable();
  for (let i = 0; i < elements.length; i += 1) {
    const bits = elements[i] << 16;
    const half = toFloat16Bits(bits);
    if (halfTable[half] !== bits >>> 0) return null;
    elements[i] = half;
  }
  return elements;
}

/** Index of the first half that is infinite or not a number, or −1. */
export function firstNotFiniteHalf(halves: Uint16Array): number {
  return halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
}

function asBits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** float32 bits of each of the 65,536 halves; made at first use. */
let halfTable: Uint32Array | undefined;

function buildHalfTable(): Uint32Array {
  const table = new Uint32Array(65_536);
  for (let half = 0; half < table.length; half += 1) {
    const sign = (half & 0x8000) << 16;
    let exponent = (half >> 10) & 0x1f;
    let mantissa = half & 0x3ff;
    if (exponent === 0x1f) {
      table[half] = sign | 0x7f800000 | (mantissa << 13);
      continue;
    }
    if (exponent === 0) {
      if (mantissa === 0) {
        table[half] = sign;
        continue;
      }
      // Subnormal halves are normal in float32: shift the leading one into place.
      const shift = Math.clz32(mantissa) - 21;
      mantissa = (mantissa << shift) & 0x3ff;
      exponent = 1 - shift;
    }
    table[half] = sign | ((exponent + 112) << 23) | (mantissa << 13); // 112 = 127 − 15, the difference of the biases
  }
  return table;
}

function toFloat16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff); // NaN, quiet
  if (magnitude >= OVERFLOW_BITS.F16) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal, from 2^-14: half an ulp less one, and one more when the kept part is odd, rounds ties to even.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign; // below 2^-25, half the smallest subnormal
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept);
}

function toBfloat16Bits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN, quiet
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
