/** Blocks of matrices in GPU memory: what the kernels of matmul.wgsl and its relatives work on. */
import type { Tensor } from '../../runtime/tensor.ts';
import { ALIGNMENT, type Slice } from './kernel-runner.ts';

/**
 * A [rows, columns] block of a row-major matrix; its first element is a multiple of {@link ALIGNMENT} from the tensor's, of twice that
 * where elements are halves.
 */
export interface Matrix {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  /** Elements from one row to the next. */
  readonly stride: number;
  /** Elements are float16, two in each of the tensor's. Only operands of products may be. */
  readonly half?: boolean;
}

/** A whole tensor [rows, columns]. */
export function matrixOf(tensor: Tensor): Matrix {
  const [rows, columns] = tensor.dims;
  return { tensor, offset: 0, rows, columns, stride: columns };
}

/** The block of [rows, columns] elements from (row, column) on; row · stride + column must be a multiple of {@link ALIGNMENT}. */
export function block(matrix: Matrix, row: number, column: number, rows: number, columns: number): Matrix {
  return { ...matrix, offset: matrix.offset + row * matrix.stride + column, rows, columns };
}

/** What a kernel binds to see the block, or `count` such blocks of one tensor, `step` elements from one to the next. */
export function sliceOf({ tensor, offset, rows, columns, stride, half = false }: Matrix, count = 1, step = 0): Slice {
  const perElement = half ? 2 : 1;
  const elements = (count - 1) * step + (rows - 1) * stride + columns;
  return { tensor, offset: offset / perElement, length: Math.ceil(elements / perElement) };
}

/** Whether rows start and end on multiples of four elements, so that they can be read as vectors. */
export function hasVectors({ columns, stride }: Matrix): boolean {
  return columns % 4 === 0 && stride % 4 === 0;
}

/** Half of a length, rounded up to a multiple of `unit`: to where blocks may start, when absent. */
export function middleOf(length: number, unit = ALIGNMENT): number {
  return Math.ceil(length / 2 / unit) * unit;
}

/**
 * The rows from `first` on, in as many pieces as bindings of so many bytes ask for; all but the last have a multiple of `unit` rows, which
 * is one of {@link ALIGNMENT}.
 */
export function rowSlabs(
  bindingBytes: number,
  { rows, stride }: Matrix,
  first: number,
  unit = ALIGNMENT,
): { from: number; rows: number }[] {
  const most = Math.max(unit, Math.floor(bindingBytes / 4 / stride / unit) * unit);
  return Array.from({ length: Math.ceil((rows - first) / most) }, (_, i) => {
    const from = first + i * most;
    return { from, rows: Math.min(most, rows - from) };
  });
}
