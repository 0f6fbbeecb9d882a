/**
 * Dense kernels in double precision, on plain Float64Arrays. One routine does the arithmetic: products of rows with rows,
 * both read along k, in blocks that stay in cache; matmul, Gram, Cholesky and the solves are all written with it.
 */
import { NotPositiveDefiniteError } from '../errors.ts';
import { checkpoint, type Job } from '../job.ts';

/** Columns of k taken at once: 64 rows of two operands are then 256 KiB, which fits the second-level cache. */
const DEPTH_BLOCK = 256;
/** Rows of each operand taken at once, and the size of the diagonal blocks of the factorisation. */
const ROW_BLOCK = 64;

/** Rows of a row-major matrix: element (i, k) is `data[offset + i * stride + k]`. */
export interface Rows {
  readonly data: Float64Array;
  readonly offset: number;
  readonly stride: number;
  readonly count: number;
}

/** All rows of a matrix that is stored without gaps. */
export function allRows(data: Float64Array, count: number, width: number): Rows {
  return { data, offset: 0, stride: width, count };
}

/** `count` of the rows, from `row` on, each from its column `column` on. */
export function slice(rows: Rows, row: number, count: number, column = 0): Rows {
  return { ...rows, offset: rows.offset + row * rows.stride + column, count };
}

/** A computation that can be left at every step, a few milliseconds of work apart. */
export type Steps = Generator<undefined, void>;

/** All of it, without a break. */
export function inOneGo(steps: Steps): void {
  while (!steps.next().done);
}

/** Between two checkpoints of {@link inTurns}, in ms. */
const TURN = 100;

/** With checkpoints between: matrices of wide layers and thousands of edits take minutes. @throws CancelledError, and as the computation */
export async function inTurns(steps: Steps, job: Job): Promise<void> {
  let began = performance.now();
  while (!steps.next().done) {
    if (performance.now() - began < TURN) continue;
    await checkpoint(job);
    began = performance.now();
  }
}

/** C ← C + alpha · A·Bᵀ over `depth` columns. With `lowerOnly`, tiles that lie above C's diagonal are left out. */
export function addProducts(...operands: Parameters<typeof productSteps>): void {
  inOneGo(productSteps(...operands));
}

/** {@link addProducts}, a row of blocks a step. */
export function* productSteps(c: Rows, a: Rows, b: Rows, depth: number, alpha: number, lowerOnly = false): Steps {
  for (let k = 0; k < depth; k += DEPTH_BLOCK) {
    const kCount = Math.min(DEPTH_BLOCK, depth - k);
    for (let i = 0; i < a.count; i += ROW_BLOCK) {
      const iCount = Math.min(ROW_BLOCK, a.count - i);
      const jEnd = lowerOnly ? Math.min(b.count, i + iCount) : b.count;
      for (let j = 0; j < jEnd; j += ROW_BLOCK) {
        const jCount = Math.min(ROW_BLOCK, jEnd - j);
        addBlock(slice(c, i, iCount, j), slice(a, i, iCount, k), slice(b, j, jCount, k), kCount, alpha);
      }
      yield;
    }
  }
}

/** Adds XᵀX to the lower half of `sum` [size, size], X [count, size]. */
export function* lowerGramSteps(sum: Float64Array, x: Float32Array, count: number, size: number): Steps {
  const columns = allRows(transposed(x, count, size), size, count);
  yield* productSteps(allRows(sum, size, size), columns, columns, count, 1, true);
}

/** One block: tiles of 4 × 2 sums at a time, which is what fits the registers, so that 6 loads serve 8 products. */
function addBlock(c: Rows, a: Rows, b: Rows, depth: number, alpha: number): void {
  const { data: x, stride: xStride } = a;
  const { data: y, stride: yStride } = b;
  const { data: z, stride: zStride } = c;
  let i = 0;
  for (; i + 3 < a.count; i += 4) {
    const x0 = a.offset + i * xStride;
    const x1 = x0 + xStride;
    const x2 = x1 + xStride;
    const x3 = x2 + xStride;
    const z0 = c.offset + i * zStride;
    let j = 0;
    for (; j + 1 < b.count; j += 2) {
      const y0 = b.offset + j * yStride;
      const y1 = y0 + yStride;
      let s00 = 0;
      let s01 = 0;
      let s10 = 0;
      let s11 = 0;
      let s20 = 0;
      let s21 = 0;
      let s30 = 0;
      let s31 = 0;
      for (let k = 0; k < depth; k += 1) {
        const v0 = y[y0 + k];
        const v1 = y[y1 + k];
        const u0 = x[x0 + k];
        s00 += u0 * v0;
        s01 += u0 * v1;
        const u1 = x[x1 + k];
        s10 += u1 * v0;
        s11 += u1 * v1;
        const u2 = x[x2 + k];
        s20 += u2 * v0;
        s21 += u2 * v1;
        const u3 = x[x3 + k];
        s30 += u3 * v0;
        s31 += u3 * v1;
      }
      const z1 = z0 + zStride;
      const z2 = z1 + zStride;
      const z3 = z2 + zStride;
      z[z0 + j] += alpha * s00;
      z[z0 + j + 1] += alpha * s01;
      z[z1 + j] += alpha * s10;
      z[z1 + j + 1] += alpha * s11;
      z[z2 + j] += alpha * s20;
      z[z2 + j + 1] += alpha * s21;
      z[z3 + j] += alpha * s30;
      z[z3 + j + 1] += alpha * s31;
    }
    for (; j < b.count; j += 1) {
      for (let r = 0; r < 4; r += 1) {
        z[z0 + r * zStride + j] += alpha * dot(x, x0 + r * xStride, y, b.offset + j * yStride, depth);
      }
    }
  }
  for (; i < a.count; i += 1) {
    for (let j = 0; j < b.count; j += 1) {
      z[c.offset + i * zStride + j] += alpha * dot(x, a.offset + i * xStride, y, b.offset + j * yStride, depth);
    }
  }
}

/** Four sums at once: the additions of one would wait for each other. */
export function dot(x: Float64Array, xStart: number, y: Float64Array, yStart: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += x[xStart + k] * y[yStart + k];
    s1 += x[xStart + k + 1] * y[yStart + k + 1];
    s2 += x[xStart + k + 2] * y[yStart + k + 2];
    s3 += x[xStart + k + 3] * y[yStart + k + 3];
  }
  for (; k < length; k += 1) s0 += x[xStart + k] * y[yStart + k];
  return s0 + s1 + s2 + s3;
}

/** Euclidean norm of all values. */
export function euclidean(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** The transpose of a row-major [rows, columns] matrix, in float64. */
export function transposed(values: Float32Array | Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  // Square blocks: a whole column at a time would touch a new cache line with every element.
  for (let i = 0; i < rows; i += ROW_BLOCK) {
    const iEnd = Math.min(i + ROW_BLOCK, rows);
    for (let j = 0; j < columns; j += ROW_BLOCK) {
      const jEnd = Math.min(j + ROW_BLOCK, columns);
      for (let r = i; r < iEnd; r += 1)
        for (let s = j; s < jEnd; s += 1) result[s * rows + r] = values[r * columns + s];
    }
  }
  return result;
}

/** Copies what is below the diagonal to its mirror place above. */
export function mirrorLower(a: Float32Array | Float64Array, size: number): void {
  for (let i = 0; i < size; i += ROW_BLOCK) {
    const iEnd = Math.min(i + ROW_BLOCK, size);
    for (let j = 0; j <= i; j += ROW_BLOCK) {
      for (let r = i; r < iEnd; r += 1) {
        const sEnd = Math.min(j + ROW_BLOCK, r);
        for (let s = j; s < sEnd; s += 1) a[s * size + r] = a[r * size + s];
      }
    }
  }
}

/**
 * Cholesky in place, reading the lower half only: L below the diagonal and Lᵀ above it, so that both solves read rows.
 * Row block by row block (left-looking): a block takes the products with all earlier ones, then the triangle that is left.
 * @throws NotPositiveDefiniteError
 */
export function* factorSteps(a: Float64Array, size: number): Steps {
  const rows = allRows(a, size, size);
  for (let i = 0; i < size; i += ROW_BLOCK) {
    const count = Math.min(ROW_BLOCK, size - i);
    const own = slice(rows, i, count);
    for (let j = 0; j < i; j += ROW_BLOCK) {
      addProducts(slice(rows, i, count, j), own, slice(rows, j, ROW_BLOCK), j, -1);
      for (let r = i; r < i + count; r += 1) {
        for (let s = j; s < j + ROW_BLOCK; s += 1) {
          const product = dot(a, r * size + j, a, s * size + j, s - j);
          a[r * size + s] = (a[r * size + s] - product) / a[s * size + s];
        }
      }
      yield;
    }
    addProducts(slice(rows, i, count, i), own, own, i, -1, true);
    for (let r = i; r < i + count; r += 1) {
      for (let s = i; s < r; s += 1) {
        const product = dot(a, r * size + i, a, s * size + i, s - i);
        a[r * size + s] = (a[r * size + s] - product) / a[s * size + s];
      }
      const pivot = a[r * size + r] - dot(a, r * size + i, a, r * size + i, r - i);
      // An infinite pivot would let the rows below become NaN.
      if (!(pivot > 0 && pivot < Infinity)) throw new NotPositiveDefiniteError(r);
      a[r * size + r] = Math.sqrt(pivot);
    }
  }
  mirrorLower(a, size);
}

/** Solves L·x = b in place for every row of `x` [count, size]; `l` is as {@link factorSteps} leaves it. */
export function* forwardSteps(l: Float64Array, x: Float64Array, count: number, size: number): Steps {
  const lower = allRows(l, size, size);
  const right = allRows(x, count, size);
  for (let j = 0; j < size; j += ROW_BLOCK) {
    const jEnd = Math.min(j + ROW_BLOCK, size);
    yield* productSteps(slice(right, 0, count, j), right, slice(lower, j, jEnd - j), j, -1);
    for (let e = 0; e < count; e += 1) {
      for (let i = j; i < jEnd; i += 1) {
        const at = e * size + i;
        x[at] = (x[at] - dot(l, i * size + j, x, e * size + j, i - j)) / l[i * size + i];
      }
    }
  }
}

/** Solves Lᵀ·x = b in place for every row of `x` [count, size]; `l` is as {@link factorSteps} leaves it. */
export function* backwardSteps(l: Float64Array, x: Float64Array, count: number, size: number): Steps {
  const upper = allRows(l, size, size);
  const right = allRows(x, count, size);
  const blocks = Math.ceil(size / ROW_BLOCK);
  for (let block = blocks - 1; block >= 0; block -= 1) {
    const j = block * ROW_BLOCK;
    const jEnd = Math.min(j + ROW_BLOCK, size);
    const solved = slice(right, 0, count, jEnd);
    yield* productSteps(slice(right, 0, count, j), solved, slice(upper, j, jEnd - j, jEnd), size - jEnd, -1);
    for (let e = 0; e < count; e += 1) {
      for (let i = jEnd - 1; i >= j; i -= 1) {
        const at = e * size + i;
        x[at] = (x[at] - dot(l, i * size + i + 1, x, at + 1, jEnd - i - 1)) / l[i * size + i];
      }
    }
  }
}

/** Rows of C that are widened to double precision at a time. */
const COVARIANCE_ROWS = 64;

/**
 * Kᵀ − (λC + KᵀK)Aᵀ, transposed: one right-hand side a row, [count, size].
 * @param covariance C, [size, size] and symmetric
 * @param keys K, [count, size]
 * @param solution A, [count, size]
 * @throws CancelledError
 */
export async function regularizedResidual(
  covariance: Float32Array,
  covarianceWeight: number,
  keys: Float64Array,
  solution: Float64Array,
  { count, size }: { readonly count: number; readonly size: number },
  job: Job,
): Promise<Float64Array> {
  const values = keys.slice();
  const residual = allRows(values, count, size);
  const solved = allRows(solution, count, size);
  for (let row = 0; row < size; row += COVARIANCE_ROWS) {
    const rows = Math.min(COVARIANCE_ROWS, size - row);
    // C is symmetric: the rows of C·A are products with the rows of C.
    const part = Float64Array.from(covariance.subarray(row * size, (row + rows) * size));
    const target = slice(residual, 0, count, row);
    await inTurns(productSteps(target, solved, allRows(part, rows, size), size, -covarianceWeight), job);
  }
  const products = new Float64Array(count * count);
  await inTurns(productSteps(allRows(products, count, count), solved, allRows(keys, count, size), size, 1), job);
  const columns = transposed(keys, count, size);
  await inTurns(productSteps(residual, allRows(products, count, count), allRows(columns, size, count), count, -1), job);
  return values;
}
