/**
 * From the blocks of quantised GGUF tensors to float32, bit for bit as the `gguf` package's `dequantize`: every product and every
 * sum is rounded to float32 where it rounds. Layouts: ggml-common.h.
 *
 * d and m below are the block's scale and offset, halves; K formats have 256 values a block in 8 or 16 groups with scales of their own.
 */
import { decodeFloats } from '../dtype.ts';

/**
 * Writes the values of whole blocks.
 * @param bytes of the blocks, from any address
 * @param target from index 0 on
 */
export type Dequantizer = (bytes: Uint8Array, target: Float32Array) => void;

const { fround } = Math;

/** Values of a block of the simple formats, and half of them. */
const SIMPLE = 32;
const HALF = SIMPLE / 2;

/** Values of a block of the K formats, and of a group with one scale in Q4_K and Q5_K. */
const SUPER = 256;
const GROUP = 32;

/** The 65,536 halves as float32; made at first use. */
let halves: Float32Array | undefined;

function half(bytes: Uint8Array, at: number): number {
  if (!halves) {
    const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    halves = new Float32Array(all.length);
    decodeFloats(new Uint8Array(all.buffer), 'F16', halves);
  }
  return halves[bytes[at] | (bytes[at + 1] << 8)];
}

/** A block of `scale`, an offset where `offset` is set, fifth bits where `fifth` is set, and two values a byte: value i and i + 16. */
function simple({ offset, fifth }: { offset: boolean; fifth: boolean }): Dequantizer {
  const bitsAt = offset ? 4 : 2;
  const valuesAt = bitsAt + (fifth ? 4 : 0);
  const blockBytes = valuesAt + HALF;
  /** What a format without an offset takes off each value, so that they lie around zero. */
  const zero = offset ? 0 : fifth ? 16 : 8;
  return (bytes, target) => {
    for (let at = 0, to = 0; at < bytes.length; at += blockBytes, to += SIMPLE) {
      const d = half(bytes, at);
      const m = offset ? half(bytes, at + 2) : 0;
      for (let i = 0; i < HALF; i += 1) {
        const pair = bytes[at + valuesAt + i];
        let low = pair & 0xf;
        let high = pair >> 4;
        if (fifth) {
          // Bit i of the 32 belongs to value i.
          low |= ((bytes[at + bitsAt + (i >> 3)] >> (i & 7)) & 1) << 4;
          high |= ((bytes[at + bitsAt + 2 + (i >> 3)] >> (i & 7)) & 1) << 4;
        }
        const first = fround(d * (low - zero));
        const second = fround(d * (high - zero));
        // Not `+ 0` without an offset: that would make −0 a 0.
        target[to + i] = offset ? first + m : first;
        target[to + HALF + i] = offset ? second + m : second;
      }
    }
  };
}

const Q8_0: Dequantizer = (bytes, target) => {
  for (let at = 0, to = 0; at < bytes.length; at += 2 + SIMPLE, to += SIMPLE) {
    const d = half(bytes, at);
    for (let i = 0; i < SIMPLE; i += 1) target[to + i] = d * ((bytes[at + 2 + i] << 24) >> 24);
  }
};

/** Scale (6 bits) of group `group` of Q4_K and Q5_K, whose 12 bytes of scales and offsets start at `at`. */
function groupScale(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + group] & 0x3f;
  return (bytes[at + 4 + group] & 0xf) | ((bytes[at + group - 4] >> 6) << 4);
}

/** Offset (6 bits), as {@link groupScale}. */
function groupOffset(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + 4 + group] & 0x3f;
  return (bytes[at + 4 + group] >> 4) | ((bytes[at + group] >> 6) << 4);
}

/** d, the scale of the offsets, 12 bytes of scales and offsets, fifth bits where `fifth` is set, 128 bytes of two values each. */
function grouped({ fifth }: { fifth: boolean }): Dequantizer {
  const scalesAt = 4;
  const bitsAt = scalesAt + 12;
  const valuesAt = bitsAt + (fifth ? GROUP : 0);
  const blockBytes = valuesAt + SUPER / 2;
  return (bytes, target) => {
    for (let at = 0, to = 0; at < bytes.length; at += blockBytes, to += SUPER) {
      const d = half(bytes, at);
      const dOffset = half(bytes, at + 2);
      for (let group = 0; group < SUPER / GROUP; group += 1) {
        const scale = fround(d * groupScale(bytes, at + scalesAt, group));
        const offset = fround(dOffset * groupOffset(bytes, at + scalesAt, group));
        // Two groups share 32 bytes: the lower halves, then the upper ones.
        const from = at + valuesAt + (group >> 1) * GROUP;
        const shift = (group & 1) * 4;
        for (let i = 0; i < GROUP; i += 1) {
          let value = (bytes[from + i] >> shift) & 0xf;
          if (fifth) value |= ((bytes[at + bitsAt + i] >> group) & 1) << 4;
          target[to + group * GROUP + i] = fround(scale * value) - offset;
        }
      }
    }
  };
}

/** 128 bytes of lower four bits, 64 of upper two, 16 scales (signed), d. Groups of 16 values have one scale. */
const Q6_K: Dequantizer = (bytes, target) => {
  const upperAt = SUPER / 2;
  const scalesAt = upperAt + SUPER / 4;
  const dAt = scalesAt + SUPER / 16;
  for (let at = 0, to = 0; at < bytes.length; at += dAt + 2, to += SUPER) {
    const d = half(bytes, at + dAt);
    for (let i = 0; i < SUPER; i += 1) {
      // Halves of 128 values; in each, 64 bytes hold values i and i + 64, and 32 bytes the upper bits of four of them.
      const [part, inPart] = [i >> 7, i & 127];
      const lower = (bytes[at + part * 64 + (inPart & 63)] >> ((inPart >> 6) * 4)) & 0xf;
      const upper = (bytes[at + upperAt + part * 32 + (inPart & 31)] >> ((inPart >> 5) * 2)) & 3;
      const scale = (bytes[at + scalesAt + (i >> 4)] << 24) >> 24;
      target[to + i] = fround(d * scale) * ((lower | (upper << 4)) - 32);
    }
  }
};

export const DEQUANTIZERS = {
  Q4_0: simple({ offset: false, fifth: false }),
  Q4_1: simple({ offset: true, fifth: false }),
  Q5_0: simple({ offset: false, fifth: true }),
  Q5_1: simple({ offset: true, fifth: true }),
  Q8_0,
  Q4_K: grouped({ fifth: false }),
  Q5_K: grouped({ fifth: true }),
  Q6_K,
} as const satisfies Record<string, Dequantizer>;
