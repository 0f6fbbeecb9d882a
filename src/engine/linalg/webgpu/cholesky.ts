/**
 * Cholesky factorisation as dispatches: blocked and right-looking, on two levels. A panel of 256 columns is factored in blocks of 64 whose
 * diagonal is factored and inverted by one workgroup, which turns the rows below it into a matrix product; then the rest of
 * the matrix is updated by one product with the whole panel, on the lower half only, where nearly all of the work is.
 */
import type { Tensor } from '../../runtime/tensor.ts';
import { type Dispatch, dispatch } from './kernel-runner.ts';
import { BLOCK, clearUpper, factorBlock, PANEL, storePanel } from './kernels.ts';
import { block, type Matrix, rowSlabs, sliceOf } from './matrix.ts';
import { type ProductDevice, productSteps } from './products.ts';

export interface CholeskyWorkspace {
  /** Receives L⁻¹ of every diagonal block, [⌈n / 64⌉, 64, 64]; stays useful afterwards (triangular.ts). */
  readonly inverses: Tensor;
  /** [n, 256]. */
  readonly panel: Tensor;
  /** One int32: −1, or the index of the first pivot that was not positive. */
  readonly status: Tensor;
}

/** A = L·Lᵀ in place for A [n, n], of which only the lower half is read; what lies above the diagonal becomes zero. */
export function choleskySteps(device: ProductDevice, a: Matrix, workspace: CholeskyWorkspace): Dispatch[] {
  const size = a.rows;
  const panel: Matrix = { tensor: workspace.panel, offset: 0, rows: size, columns: PANEL, stride: PANEL };
  const steps: Dispatch[] = [];
  for (let start = 0; start < size; start += PANEL) {
    const width = Math.min(PANEL, size - start);
    const end = start + width;
    for (let at = start; at < end; at += BLOCK) {
      steps.push(...blockSteps(device, a, panel, workspace, { start, at, end }));
    }
    steps.push(...storeSteps(device, a, panel, start, width));
    if (end === size) break;
    const columns = block(panel, end, 0, size - end, width);
    steps.push(
      ...productSteps(device, {
        a: columns,
        b: columns,
        c: block(a, end, end, size - end, size - end),
        transposeB: true,
        alpha: -1,
        accumulate: true,
        symmetric: 'lower',
      }),
    );
  }
  return [...steps, ...clearSteps(device, a)];
}

/**
 * Of the inverses [blocks, side, side] of diagonal blocks, that of the block whose first row is `at`; `height` is smaller than the side for a
 * last block that is not full.
 */
export function inverseBlock(inverses: Tensor, at: number, height: number): Matrix {
  const [, side] = inverses.dims;
  return { tensor: inverses, offset: at * side, rows: height, columns: height, stride: side };
}

/** Factors the block at `at`, computes L below it into the panel and takes its products out of the panel's further columns. */
function blockSteps(
  device: ProductDevice,
  a: Matrix,
  panel: Matrix,
  { inverses, status }: CholeskyWorkspace,
  { start, at, end }: { start: number; at: number; end: number },
): Dispatch[] {
  const size = a.rows;
  const height = Math.min(BLOCK, size - at);
  const inverse = inverseBlock(inverses, at, height);
  const steps = [
    dispatch({
      kernel: factorBlock,
      values: { size: height, stride: a.stride, first: at },
      tensors: [
        { tensor: inverses, offset: at * BLOCK, length: BLOCK * BLOCK },
        sliceOf(block(a, at, at, height, height)),
        status,
      ],
      workgroups: 1,
    }),
  ];
  const next = at + BLOCK;
  if (next >= size) return steps;
  const below = block(panel, next, at - start, size - next, BLOCK);
  steps.push(
    ...productSteps(device, { a: block(a, next, at, size - next, BLOCK), b: inverse, c: below, transposeB: true }),
  );
  if (next < end) {
    steps.push(
      ...productSteps(device, {
        a: below,
        b: block(panel, next, at - start, end - next, BLOCK),
        c: block(a, next, next, size - next, end - next),
        transposeB: true,
        alpha: -1,
        accumulate: true,
      }),
    );
  }
  return steps;
}

function storeSteps(device: ProductDevice, a: Matrix, panel: Matrix, start: number, width: number): Dispatch[] {
  return rowSlabs(device.bindingBytes, a, start).map(({ from, rows }) =>
    dispatch({
      kernel: storePanel,
      values: { rows, columns: width, stride: a.stride, first: from - start },
      tensors: [sliceOf(block(a, from, start, rows, width)), sliceOf(block(panel, from, 0, rows, PANEL))],
      workgroups: rows,
    }),
  );
}

function clearSteps(device: ProductDevice, a: Matrix): Dispatch[] {
  return rowSlabs(device.bindingBytes, a, 0).map(({ from, rows }) =>
    dispatch({
      kernel: clearUpper,
      values: { rows, columns: a.columns, stride: a.stride, first: from },
      tensors: [sliceOf(block(a, from, 0, rows, a.columns))],
      workgroups: rows,
    }),
  );
}
