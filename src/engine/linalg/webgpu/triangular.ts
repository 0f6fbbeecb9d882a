/**
 * Triangular solves as dispatches. With the diagonal blocks inverted once, a solve is matrix products alone: the first half of the
 * rows is solved, taken out of the second half, and so on down to single blocks, which are multiplied by their inverses. Halving
 * makes the products as thick as they can be.
 */
import type { Tensor } from '../../runtime/tensor.ts';
import { inverseBlock } from './cholesky.ts';
import { type Dispatch, dispatch } from './kernel-runner.ts';
import { BLOCK, invertBlocks } from './kernels.ts';
import { block, middleOf, type Matrix, rowSlabs, sliceOf } from './matrix.ts';
import { type ProductDevice, productSteps } from './products.ts';

/** L⁻¹ of every diagonal block of L [n, n] into `inverses` [⌈n / 64⌉, 64, 64]. What lies above L's diagonal is not read. */
export function inversionSteps(device: ProductDevice, l: Matrix, inverses: Tensor): Dispatch[] {
  return rowSlabs(device.bindingBytes, l, 0).map(({ from, rows }) =>
    dispatch({
      kernel: invertBlocks,
      values: { size: rows, stride: l.stride, first: from },
      tensors: [
        { tensor: inverses, offset: from * BLOCK, length: Math.ceil(rows / BLOCK) * BLOCK * BLOCK },
        sliceOf(block(l, from, from, rows, rows)),
      ],
      workgroups: Math.ceil(rows / BLOCK),
    }),
  );
}

export interface TriangularSystem {
  /** [n, n]; what lies above the diagonal is not read. */
  readonly l: Matrix;
  readonly inverses: Tensor;
  /** The right-hand sides [n, m]; overwritten. */
  readonly from: Matrix;
  /** The solutions [n, m], in another buffer. */
  readonly to: Matrix;
  /** Solve with Lᵀ. */
  readonly transpose: boolean;
}

/** X with L·X = B, or Lᵀ·X = B. */
export function triangularSteps(device: ProductDevice, system: TriangularSystem): Dispatch[] {
  return solveRows(device, system, 0, system.l.rows);
}

function solveRows(device: ProductDevice, system: TriangularSystem, start: number, end: number): Dispatch[] {
  const { l, inverses, from, to, transpose } = system;
  const rows = (matrix: Matrix, begin: number, stop: number): Matrix =>
    block(matrix, begin, 0, stop - begin, matrix.columns);
  if (end - start <= BLOCK) {
    return productSteps(device, {
      a: inverseBlock(inverses, start, end - start),
      b: rows(from, start, end),
      c: rows(to, start, end),
      transposeA: transpose,
    });
  }
  const middle = start + middleOf(end - start);
  const [upper, lower] = [
    { start, end: middle },
    { start: middle, end },
  ];
  const [first, second] = transpose ? [lower, upper] : [upper, lower];
  return [
    ...solveRows(device, system, first.start, first.end),
    ...productSteps(device, {
      a: block(l, middle, start, end - middle, middle - start),
      b: rows(to, first.start, first.end),
      c: rows(from, second.start, second.end),
      transposeA: transpose,
      alpha: -1,
      accumulate: true,
    }),
    ...solveRows(device, system, second.start, second.end),
  ];
}
