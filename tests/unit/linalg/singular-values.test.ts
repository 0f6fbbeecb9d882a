/** The largest singular values against matrices made of known ones, and eigenvalues against known ones. */
import { expect, it } from 'vitest';
import { CpuLinearAlgebra } from '../../../src/engine/linalg/cpu.ts';
import { largestSingularValues, symmetricEigenvalues } from '../../../src/engine/linalg/singular-values.ts';
import { CpuDevice } from '../../../src/engine/runtime/device.ts';
import { randomFloats } from '../weights/support.ts';

/** Columns [length, count] of length 1, at right angles to each other: Householder's reflections of the unit vectors. */
function orthogonal(length: number, count: number, seed: number): Float64Array[] {
  const mirrors = Array.from({ length: 3 }, (_, i) => {
    const vector = Float64Array.from(randomFloats(length, seed + i));
    const size = Math.hypot(...vector);
    return vector.map((value) => value / size);
  });
  return Array.from({ length: count }, (_, c) => {
    let column = new Float64Array(length);
    column[c] = 1;
    for (const mirror of mirrors) {
      const dot = mirror.reduce((sum, value, i) => sum + value * column[i], 0);
      column = column.map((value, i) => value - 2 * dot * mirror[i]);
    }
    return column;
  });
}

function matrixOf(rows: number, columns: number, values: readonly number[]): Float32Array {
  const [left, right] = [orthogonal(rows, values.length, 1), orthogonal(columns, values.length, 9)];
  return Float32Array.from({ length: rows * columns }, (_, at) =>
    values.reduce((sum, value, i) => sum + value * left[i][Math.floor(at / columns)] * right[i][at % columns], 0),
  );
}

it.each([
  { rows: 37, columns: 61, values: [5, 3, 2.9, 0.5], count: 4 },
  { rows: 90, columns: 23, values: Array.from({ length: 20 }, (_, i) => 10 / (1 + i)), count: 6 },
  { rows: 64, columns: 64, values: Array.from({ length: 60 }, (_, i) => 2 - i / 100), count: 3 },
  { rows: 5, columns: 7, values: [1, 1e-3], count: 16 },
  { rows: 1, columns: 9, values: [4], count: 3 },
])('of $rows × $columns the $count largest are found', async ({ rows, columns, values, count }) => {
  const device = new CpuDevice();
  const matrix = device.upload(matrixOf(rows, columns, values), [rows, columns]);
  const found = await largestSingularValues(new CpuLinearAlgebra(device), device, matrix, count);
  expect(found).toHaveLength(Math.min(count, rows, columns));
  // Where values lie close together, a subspace that is a little off has them a little smaller.
  const close = values.length > 40;
  found.forEach((value, i) => {
    const expected = values.at(i) ?? 0;
    expect(Math.abs(value - expected)).toBeLessThan((close ? 2e-2 : 2e-6) * values[0]);
  });
});

it('of nothing but zeros are zeros', async () => {
  const device = new CpuDevice();
  const matrix = device.upload(new Float32Array(30), [5, 6]);
  expect(await largestSingularValues(new CpuLinearAlgebra(device), device, matrix, 2)).toEqual([0, 0]);
});

it('eigenvalues of a symmetric matrix are those it was made of', () => {
  const values = [7, 3, 3, 0.5, -2];
  const vectors = orthogonal(5, 5, 4);
  const matrix = Array.from({ length: 5 }, (_, i) =>
    Float64Array.from({ length: 5 }, (__, j) =>
      values.reduce((sum, v, k) => sum + v * vectors[k][i] * vectors[k][j], 0),
    ),
  );
  symmetricEigenvalues(matrix).forEach((value, i) => expect(value).toBeCloseTo(values[i], 12));
});
