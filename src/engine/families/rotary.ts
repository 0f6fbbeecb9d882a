/**
 * Rotary position embeddings (Su et al. 2021): pairs of numbers of a query or key are turned by an angle that grows with the token's
 * position. The cosines and sines come from the CPU, in the positions' order: GPUs' own are too coarse.
 */
import type { GraphBuilder, Value } from '../graph/builder.ts';

/** How fast each pair turns. */
export interface Rotary {
  /** Angle per position of each pair, [rotarySize / 2]. */
  readonly frequencies: readonly number[];
  /** Factor on cosines and sines (attention factor of long-context scalings); 1 for most. */
  readonly scale: number;
}

/** Of the tokens at hand, [batch, 1, sequence, rotarySize / 2] each. */
export interface RotaryValues {
  readonly cos: Value;
  readonly sin: Value;
}

/** base^(−2i / size) for i = 0 … size / 2 − 1. */
export function rotaryFrequencies(base: number, size: number): number[] {
  return Array.from({ length: size / 2 }, (_, i) => base ** ((-2 * i) / size));
}

/**
 * Turns x [batch, heads, sequence, headSize]: number i of the first half of those that are rotated makes a pair with number i of the
 * second half (transformers' rotate_half); numbers after them stay.
 */
export function rotateHalves(g: GraphBuilder, x: Value, { cos, sin }: RotaryValues, rotarySize: number): Value {
  const headSize = x.shape[3] as number;
  const half = rotarySize / 2;
  const rest = headSize - rotarySize;
  const [first, second, ...unturned] = g.split(x, 3, rest > 0 ? [half, half, rest] : [half, half]);
  const turnedFirst = g.sub(g.mul(first, cos), g.mul(second, sin));
  const turnedSecond = g.add(g.mul(second, cos), g.mul(first, sin));
  return g.concat([turnedFirst, turnedSecond, ...unturned], 3);
}
