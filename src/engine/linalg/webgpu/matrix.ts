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

/** What a kernel binds to see the block. */
export function sliceOf({ tensor, offset, rows, columns, stride, half = false }: Matrix): Slice {
  const perElement = half ? 2 : 1;
  return { tensor, offset: offset / perElement, length: Math.ceil(((rows - 1) * stride + columns) / perElement) };
}

/** Whether rows start and end on multiples of four elements, so that they can be read as vectors. */
export function hasVectors({ columns, stride }: Matrix): boolean {
  return columns % 4 === 0 && stride % 4 === 0;
}

/** Half of a length, rounded up to where blocks may start. */
export function middleOf(length: number): number {
  return Math.ceil(length / 2 / ALIGNMENT) * ALIGNMENT;
}

/** The rows from `first` on, in as many pieces as bindings of so many bytes ask for; each starts where a block may start. */
export function rowSlabs(
  bindingBytes: number,
  { rows, stride }: Matrix,
  first: number,
): { from: number; rows: number }[] {
  const most = Math.max(ALIGNMENT, Math.floor(bindingBytes / 4 / stride / ALIGNMENT) * ALIGNMENT);
  return Array.from({ length: Math.ceil((rows - first) / most) }, (_, i) => {
    const from = first + i * most;
    return { from, rows: Math.min(most, rows - from) };
  });
}
