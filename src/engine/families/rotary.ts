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
  const half = rotarySize / 2;
  const rest = restOf(x, rotarySize);
  const [first, second, ...unturned] = g.split(x, 3, [half, half, ...rest]);
  return g.concat([...turnPair(g, first, second, { cos, sin }), ...unturned], 3);
}

/** The same where number 2i makes a pair with number 2i + 1 (GPT-J; transformers' rotate_every_two). */
export function rotatePairs(g: GraphBuilder, x: Value, { cos, sin }: RotaryValues, rotarySize: number): Value {
  const [batch, heads, sequence] = x.shape;
  const [rotated, ...unturned] = g.split(x, 3, [rotarySize, ...restOf(x, rotarySize)]);
  const [first, second] = g.split(g.reshape(rotated, [batch, heads, sequence, rotarySize / 2, 2]), 4, [1, 1]);
  const each = { cos: g.unsqueeze(cos, [4]), sin: g.unsqueeze(sin, [4]) };
  const turned = g.concat(turnPair(g, first, second, each), 4);
  return g.concat([g.reshape(turned, [batch, heads, sequence, rotarySize]), ...unturned], 3);
}

function turnPair(g: GraphBuilder, first: Value, second: Value, { cos, sin }: RotaryValues): [Value, Value] {
  return [g.sub(g.mul(first, cos), g.mul(second, sin)), g.add(g.mul(second, cos), g.mul(first, sin))];
}

/** How many numbers of a head stay, as a list: empty when all are turned. */
function restOf(x: Value, rotarySize: number): number[] {
  const rest = (x.shape[3] as number) - rotarySize;
  return rest > 0 ? [rest] : [];
}
