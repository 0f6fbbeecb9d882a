/**
 * Tables that are given in blocks of rows, because whole they are larger than a device lets a kernel read. Joined (`concat` along the first
 * axis) they serve as one table: looking rows up and multiplying by the transpose work on the blocks, and the joined table is never made.
 */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { toFloat, toInteger } from './cast.ts';

export interface RowBlock {
  readonly value: Value;
  /** Its first row's place in the table. */
  readonly start: number;
  readonly rows: number;
}

/** The blocks that `x` was joined from; null where it is no table of several. */
export function rowBlocks(g: GraphBuilder, x: Value): RowBlock[] | null {
  const join = g.nodes.find(
    ({ op, outputs, attributes }) => op === 'Concat' && outputs[0] === x && attributes.axis === 0,
  );
  if (!join) return null;
  let start = 0;
  const blocks: RowBlock[] = [];
  for (const value of join.inputs) {
    const [rows] = value.shape;
    if (typeof rows !== 'number') return null;
    blocks.push({ value, start, rows });
    start += rows;
  }
  return blocks;
}

/** The rows at int32 `indices`: of each block those that it has, zeros for the others, all added up. */
export function gatherFromBlocks(g: GraphBuilder, blocks: readonly RowBlock[], indices: Value): Value {
  // float32 holds every row number below 2²⁴ exactly.
  const places = toFloat(g, indices);
  const parts = blocks.map(({ value, start, rows }) => {
    const local = g.sub(places, g.scalar(start));
    const inside = g.neg(g.maximum(g.neg(g.maximum(local, g.scalar(0))), g.scalar(1 - rows)));
    const distance = g.sub(local, inside);
    // 1 for a row of this block; others are a whole number of rows away.
    const has = g.maximum(g.sub(g.scalar(1), g.mul(distance, distance)), g.scalar(0));
    return g.mul(g.gather(value, toInteger(g, inside), 0), g.unsqueeze(has, [-1]));
  });
  return parts.reduce((sum, part) => g.add(sum, part));
}
