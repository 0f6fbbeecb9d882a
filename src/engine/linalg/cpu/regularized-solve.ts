/** The rows a with (λC + KᵀK)·a = k in double precision: by the system's own factor or by the factor of C, then refined once. */
import type { Job } from '../../job.ts';
import { Tensor } from '../../runtime/tensor.ts';
import {
  addLowerGram,
  addProducts,
  allRows,
  euclidean,
  factor,
  factorInTurns,
  regularizedResidual,
  solveBackward,
  solveForward,
  transposed,
} from '../dense.ts';
import type { CovarianceFactor, RegularizedSolve } from '../linear-algebra.ts';
import type { SystemShape } from '../shapes.ts';

/** L of C = LLᵀ, with Lᵀ above the diagonal. */
export class CpuCovarianceFactor implements CovarianceFactor {
  readonly l: Float64Array;

  constructor(l: Float64Array) {
    this.l = l;
  }

  dispose(): void {
    // Memory of the host's, which goes when nobody holds it.
  }
}

/** Solves in place for rows of right-hand sides, and returns them. */
type Solve = (rows: Float64Array) => Float64Array;

/**
 * @param covariance C, [size, size]
 * @param covarianceWeight λ
 * @param keys K, [count, size]
 * @param known the factor of C; without it the whole system is factored
 * @throws NotPositiveDefiniteError, CancelledError
 */
export async function solveRegularized(
  shape: SystemShape,
  covariance: Float32Array,
  covarianceWeight: number,
  keys: Float32Array,
  known: CpuCovarianceFactor | null,
  job: Job,
): Promise<RegularizedSolve> {
  const { count, size } = shape;
  const k = Float64Array.from(keys);
  const solve = known
    ? woodburySolve(shape, known.l, covarianceWeight, k)
    : await directSolve(shape, covariance, covarianceWeight, keys, job);
  const residualOf = (solution: Float64Array): Float64Array =>
    regularizedResidual(covariance, covarianceWeight, k, solution, count, size);
  const scale = euclidean(k) || 1;
  const solution = solve(k.slice());
  const residual = residualOf(solution);
  const before = euclidean(residual) / scale;
  const correction = solve(residual);
  for (let i = 0; i < solution.length; i += 1) solution[i] += correction[i];
  const relativeResidual = euclidean(residualOf(solution)) / scale;
  return {
    solution: Tensor.fromData(Float32Array.from(solution), [count, size]),
    relativeResidual,
    residualHistory: [before, relativeResidual],
  };
}

/** With the factor of the system's own matrix. */
async function directSolve(
  { count, size }: SystemShape,
  covariance: Float32Array,
  covarianceWeight: number,
  keys: Float32Array,
  job: Job,
): Promise<Solve> {
  // Not from() with a function: that collects the values in a list first, which a matrix of some size is too long for.
  const l = new Float64Array(covariance);
  for (let i = 0; i < l.length; i += 1) l[i] *= covarianceWeight;
  addLowerGram(l, keys, count, size);
  await factorInTurns(l, size, job);
  return (rows) => {
    solveForward(l, rows, count, size);
    solveBackward(l, rows, count, size);
    return rows;
  };
}

/** With the factor L of C: (λC + KKᵀ)⁻¹ = (λC)⁻¹ − Y(1 + KᵀY)⁻¹Yᵀ with Y = (λC)⁻¹K, keys in the columns of K (Woodbury's identity). */
function woodburySolve(
  { count, size }: SystemShape,
  l: Float64Array,
  covarianceWeight: number,
  keys: Float64Array,
): Solve {
  const unregularized: Solve = (rows) => {
    solveForward(l, rows, count, size);
    solveBackward(l, rows, count, size);
    for (let i = 0; i < rows.length; i += 1) rows[i] /= covarianceWeight;
    return rows;
  };
  const y = unregularized(keys.slice());
  const yColumns = transposed(y, count, size);
  const inner = new Float64Array(count * count);
  addProducts(allRows(inner, count, count), allRows(y, count, size), allRows(keys, count, size), size, 1);
  for (let i = 0; i < count; i += 1) inner[i * count + i] += 1;
  factor(inner, count);
  return (rows) => {
    // Before the rows are solved in place: C is symmetric, so Yᵀr is Kᵀ(λC)⁻¹r.
    const weights = new Float64Array(count * count);
    addProducts(allRows(weights, count, count), allRows(rows, count, size), allRows(y, count, size), size, 1);
    solveForward(inner, weights, count, count);
    solveBackward(inner, weights, count, count);
    unregularized(rows);
    addProducts(allRows(rows, count, size), allRows(weights, count, count), allRows(yColumns, size, count), count, -1);
    return rows;
  };
}
