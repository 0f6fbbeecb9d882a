/** The reach of a patch on the page: table, axis, and pairs of edits that are alike. */
import { describe, expect, it } from 'vitest';
import { alikePairs, axisOf, reachTable } from '../../../src/app/result/reach-tables.ts';
import type { Reach } from '../../../src/worker/api.ts';

const reach: Reach = {
  edits: 3,
  layers: [
    {
      layer: 2,
      edits: { low: 0.2, median: 0.3, high: 0.4, most: 0.9, count: 3 },
      neighbours: null,
      text: { low: 0.003, median: 0.01, high: 0.02, most: 0.2, count: 800 },
      likeness: [
        [1, 0.2, -0.7],
        [0.2, 1, 0.1],
        [-0.7, 0.1, 1],
      ],
      singularValues: [3, 2],
      norm: 4,
    },
  ],
};

describe('the reach of a patch', () => {
  it('is a row a layer and kind that there is', () => {
    const { columns, rows } = reachTable(reach);
    expect(rows.map((row) => row.slice(0, 3))).toEqual([
      [2, 'edits’ keys', 3],
      [2, 'ordinary text’s keys', 800],
    ]);
    expect(rows.every((row) => row.length === columns.length)).toBe(true);
  });

  it('has an axis of whole powers of ten around it', () => {
    expect(axisOf(reach)).toEqual({ from: -3, to: 0 });
    const zero = { low: 0, median: 0, high: 0, most: 0, count: 1 };
    expect(axisOf({ edits: 1, layers: [{ ...reach.layers[0], edits: zero, text: null }] })).toEqual({
      from: -3,
      to: 0,
    });
  });

  it('tells pairs by how alike they are, whatever the sign', () => {
    expect(alikePairs(reach.layers[0])).toEqual([
      { first: 0, second: 2, cosine: -0.7 },
      { first: 0, second: 1, cosine: 0.2 },
      { first: 1, second: 2, cosine: 0.1 },
    ]);
    expect(alikePairs({ ...reach.layers[0], likeness: null })).toEqual([]);
  });
});
