/** What the operands of each operation must look like; every check throws a GraphError that names the operation and the shapes. */
import { GraphError } from '../errors.ts';
import type { Tensor, TensorType } from '../runtime/tensor.ts';
import type { AdamState, AdamStepOptions, MatmulOptions } from './linear-algebra.ts';

/** op(A) is [m, k] and op(B) [k, n]. */
export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** A square matrix [size, size], and `count` vectors of its size. */
export interface SystemShape {
  readonly size: number;
  readonly count: number;
}

/** A matrix [rows, width]. */
export interface RowsShape {
  readonly rows: number;
  readonly width: number;
}

/** A matrix [height, width], and `count` indices of its rows. */
export interface IndexedRowsShape {
  readonly height: number;
  readonly width: number;
  readonly count: number;
}

/** A matrix [height, targetWidth], of which `width` columns are written. */
export interface ColumnsShape {
  readonly height: number;
  readonly targetWidth: number;
  readonly width: number;
}

export function matmulShape(a: Tensor, b: Tensor, options: MatmulOptions): ProductShape {
  const [aRows, aColumns] = matrixShape('matmul', a);
  const [bRows, bColumns] = matrixShape('matmul', b);
  const [m, k] = options.transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [kOfB, n] = options.transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== kOfB) throw new GraphError(`matmul: [${m}, ${k}] × [${kOfB}, ${n}] do not fit.`);
  const into = options.accumulateInto;
  if (into) {
    expectShape('matmul', into, [m, n]);
    expectDistinct('matmul', into, a, b);
  }
  return { m, n, k };
}

/** C [F, F] and X [n, F]. */
export function gramShape(c: Tensor, x: Tensor): SystemShape {
  const [count, size] = matrixShape('addGram', x);
  expectShape('addGram', c, [size, size]);
  expectDistinct('addGram', c, x);
  return { count, size };
}

/** n of a matrix [n, n]. */
export function squareSize(operation: string, a: Tensor): number {
  const [rows, columns] = matrixShape(operation, a);
  if (rows !== columns) throw new GraphError(`${operation}: [${rows}, ${columns}] is not square.`);
  return rows;
}

/** L [n, n] and B [n, m]. */
export function triangularShape(l: Tensor, b: Tensor): SystemShape {
  const size = squareSize('solveTriangular', l);
  const [rows, count] = matrixShape('solveTriangular', b);
  if (rows !== size) throw new GraphError(`solveTriangular: [${size}, ${size}] and [${rows}, ${count}] do not fit.`);
  return { size, count };
}

/** C [F, F] and K [u, F]. */
export function regularizedShape(covariance: Tensor, keys: Tensor): SystemShape {
  const [count, size] = matrixShape('solveRegularized', keys);
  expectShape('solveRegularized', covariance, [size, size]);
  return { count, size };
}

/** Logits [n, V], and the companions that the loss reads beside them. */
export function lossShape(
  operation: string,
  logits: Tensor,
  companions: { targets?: Tensor; reference?: Tensor; weights?: Tensor } = {},
): RowsShape {
  const [rows, width] = matrixShape(operation, logits);
  const { targets, reference, weights } = companions;
  if (targets) expectShape(operation, targets, [rows], 'int32');
  if (reference) expectShape(operation, reference, [rows, width]);
  if (weights) expectShape(operation, weights, [rows]);
  return { rows, width };
}

/** Source [n, d] and int32 indices [m]. */
export function gatherShape(source: Tensor, indices: Tensor): IndexedRowsShape {
  const [height, width] = matrixShape('gatherRows', source);
  expectShape('gatherRows', indices, [indices.size], 'int32');
  return { height, width, count: indices.size };
}

/** Target [n, d], rows [m, d], int32 indices [m]. */
export function scatterShape(target: Tensor, indices: Tensor, rows: Tensor): IndexedRowsShape {
  const [height, width] = matrixShape('scatterAddRows', target);
  expectShape('scatterAddRows', indices, [indices.size], 'int32');
  expectShape('scatterAddRows', rows, [indices.size, width]);
  expectDistinct('scatterAddRows', target, rows);
  return { height, width, count: indices.size };
}

/** Target [n, d] and columns [n, m] from `start` on. */
export function columnsShape(target: Tensor, start: number, columns: Tensor): ColumnsShape {
  const [height, targetWidth] = matrixShape('writeColumns', target);
  const [, width] = matrixShape('writeColumns', columns);
  expectShape('writeColumns', columns, [height, width]);
  expectDistinct('writeColumns', target, columns);
  if (!(Number.isInteger(start) && start >= 0 && start + width <= targetWidth)) {
    throw new GraphError(`writeColumns: ${width} columns from ${start} on do not fit into ${targetWidth}.`);
  }
  return { height, targetWidth, width };
}

/** δ, both moments and the gradient [u, D]; decay and maxNorm [u]. */
export function adamShape(state: AdamState, gradient: Tensor, options: AdamStepOptions): RowsShape {
  const [rows, width] = matrixShape('adamStep', gradient);
  for (const tensor of [state.delta, state.firstMoment, state.secondMoment]) {
    expectShape('adamStep', tensor, [rows, width]);
    expectDistinct('adamStep', tensor, gradient);
  }
  for (const tensor of [options.decay, options.maxNorm]) expectShape('adamStep', tensor, [rows]);
  if (!(Number.isInteger(options.step) && options.step >= 1)) {
    throw new GraphError(`adamStep: the steps count from 1, not ${options.step}.`);
  }
  return { rows, width };
}

/** [rows, columns] of a float32 matrix that is not empty. */
export function matrixShape(operation: string, tensor: Tensor): [rows: number, columns: number] {
  const [rows, columns] = tensor.dims;
  if (tensor.dims.length !== 2 || tensor.size === 0 || tensor.type !== 'float32') {
    throw new GraphError(`${operation} takes float32 matrices with at least one element, not ${describe(tensor)}.`);
  }
  return [rows, columns];
}

/** Float32 tensors of one shape, which are not empty. */
export function sameShape(operation: string, a: Tensor, b: Tensor): void {
  if (a.size === 0) throw new GraphError(`${operation} takes tensors with at least one element, not ${describe(a)}.`);
  expectShape(operation, a, a.dims);
  expectShape(operation, b, a.dims);
}

function expectShape(operation: string, tensor: Tensor, dims: readonly number[], type: TensorType = 'float32'): void {
  const fits =
    tensor.size > 0 && tensor.dims.length === dims.length && tensor.dims.every((dim, axis) => dim === dims[axis]);
  if (!fits || tensor.type !== type) {
    throw new GraphError(`${operation}: expected ${type} [${dims.join(', ')}], got ${describe(tensor)}.`);
  }
}

/** What is written must not be read through another operand: the result would depend on the order of the work. */
function expectDistinct(operation: string, written: Tensor, ...read: Tensor[]): void {
  const memory = memoryOf(written);
  if (read.some((tensor) => memoryOf(tensor) === memory)) {
    throw new GraphError(`${operation}: the tensor that is written is also an operand.`);
  }
}

function memoryOf(tensor: Tensor): unknown {
  return tensor.location === 'gpu' ? tensor.buffer : tensor.data;
}

function describe({ type, dims }: Tensor): string {
  return `${type} [${dims.join(', ')}]`;
}
