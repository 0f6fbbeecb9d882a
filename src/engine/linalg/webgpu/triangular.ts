/**
 * Triangular solves as dispatches. With the diagonal blocks inverted once, a solve is matrix products alone: the first half of the
 * rows is solved, taken out of the second half, and so on down to single blocks, which are multiplied by their inverses. Halving
 * makes the products as thick as they can be. Each product waits for the one before, so there should be few: blocks of 64 are
 * inverted in the memory of a workgroup and joined, all at once, to blocks of up to 256.
 */
import type { Tensor } from '../../runtime/tensor.ts';
import { inverseBlock } from './cholesky.ts';
import { type Dispatch, dispatch } from './kernel-runner.ts';
import { BLOCK, invertBlocks, SOLVE_BLOCK, widen, workgroupsFor } from './kernels.ts';
import { block, middleOf, type Matrix, rowSlabs, sliceOf } from './matrix.ts';
import { batchedProduct, type ProductDevice, productSteps } from './products.ts';

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

/**
 * From the side of the inverses that {@link inversionSteps} yields to the one that a solve of `size` rows wants, doubling: a fourth of the rows,
 * since larger blocks hold more zeros that are multiplied by, and save no more steps.
 */
export function inverseSides(size: number): number[] {
  const sides = [BLOCK];
  for (let side = BLOCK; side < Math.min(size / 4, SOLVE_BLOCK); side *= 2) sides.push(2 * side);
  return sides;
}

/**
 * Inverses of twice the side: those of neighbouring diagonal blocks of L [n, n] and, between them, −L₂₂⁻¹·L₂₁·L₁₁⁻¹.
 * @param narrow [⌈n / side⌉, side, side]
 * @param wide receives [⌈n / 2 side⌉, 2 side, 2 side]
 * @param between workspace [⌈n / 2 side⌉, side, side]
 */
export function wideningSteps(
  device: ProductDevice,
  l: Matrix,
  { narrow, wide, between }: Readonly<Record<'narrow' | 'wide' | 'between', Tensor>>,
): Dispatch[] {
  const [count, side] = narrow.dims;
  const inBlocks = (tensor: Tensor, block: number, rows: number, columns: number): Matrix => {
    const [, height, stride] = tensor.dims;
    return { tensor, offset: block * height * stride, rows, columns, stride };
  };
  /** For `pairs` pairs of blocks from row `at` on, the second of each pair being `height` rows high. */
  const join = (at: number, pairs: number, height: number): Dispatch[] => {
    const first = at / side;
    const products = inBlocks(between, first / 2, height, side);
    const below = inBlocks(wide, first / 2, height, side);
    return [
      batchedProduct(
        device,
        { a: block(l, at + side, at, height, side), b: inBlocks(narrow, first, side, side), c: products },
        { count: pairs, a: 2 * side * (l.stride + 1), b: 2 * side ** 2, c: side ** 2 },
      ),
      batchedProduct(
        device,
        {
          a: inBlocks(narrow, first + 1, height, height),
          b: products,
          c: { ...below, offset: below.offset + side * below.stride },
          alpha: -1,
        },
        { count: pairs, a: 2 * side ** 2, b: side ** 2, c: 4 * side ** 2 },
      ),
    ];
  };
  const copy = dispatch({
    kernel: widen,
    values: { count, side },
    tensors: [narrow, wide],
    workgroups: workgroupsFor(wide.size / 4),
  });
  const joined = rowSlabs(device.bindingBytes, l, 0, 2 * side).flatMap(({ from, rows }) => {
    const pairs = Math.floor(rows / (2 * side));
    const rest = rows - pairs * 2 * side;
    return [
      ...(pairs > 0 ? join(from, pairs, side) : []),
      ...(rest > side ? join(from + pairs * 2 * side, 1, rest - side) : []),
    ];
  });
  return [copy, ...joined];
}

export interface TriangularSystem {
  /** [n, n]; what lies above the diagonal is not read. */
  readonly l: Matrix;
  /** Of its diagonal blocks, of any of {@link inverseSides}: [⌈n / side⌉, side, side]. */
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
  const [, side] = inverses.dims;
  if (end - start <= side) {
    return productSteps(device, {
      a: inverseBlock(inverses, start, end - start),
      b: rows(from, start, end),
      c: rows(to, start, end),
      transposeA: transpose,
    });
  }
  const middle = start + middleOf(end - start, side);
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
