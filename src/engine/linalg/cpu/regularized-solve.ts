/** The rows a with (λC + KᵀK)·a = k in double precision: by the system's own factor or by the factor of C, then refined once. */
import type { Job } from '../../job.ts';
import { Tensor } from '../../runtime/tensor.ts';
import {
  allRows,
  backwardSteps,
  euclidean,
  factorSteps,
  forwardSteps,
  inTurns,
  lowerGramSteps,
  productSteps,
  regularizedResidual,
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
type Solve = (rows: Float64Array) => Promise<Float64Array>;

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
    ? await woodburySolve(shape, known.l, covarianceWeight, k, job)
    : await directSolve(shape, covariance, covarianceWeight, keys, job);
  const residualOf = (solution: Float64Array): Promise<Float64Array> =>
    regularizedResidual(covariance, covarianceWeight, k, solution, shape, job);
  const scale = euclidean(k) || 1;
  const solution = await solve(k.slice());
  const residual = await residualOf(solution);
  const before = euclidean(residual) / scale;
  const correction = await solve(residual);
  for (let i = 0; i < solution.length; i += 1) solution[i] += correction[i];
  const relativeResidual = euclidean(await residualOf(solution)) / scale;
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
  await inTurns(lowerGramSteps(l, keys, count, size), job);
  await inTurns(factorSteps(l, size), job);
  return (rows) => solved(l, rows, count, size, job);
}

/** The rows, solved in place with LLᵀ. */
async function solved(
  l: Float64Array,
  rows: Float64Array,
  count: number,
  size: number,
  job: Job,
): Promise<Float64Array> {
  await inTurns(forwardSteps(l, rows, count, size), job);
  await inTurns(backwardSteps(l, rows, count, size), job);
  return rows;
}

/** With the factor L of C: (λC + KKᵀ)⁻¹ = (λC)⁻¹ − Y(1 + KᵀY)⁻¹Yᵀ with Y = (λC)⁻¹K, keys in the columns of K (Woodbury's identity). */
async function woodburySolve(
  { count, size }: SystemShape,
  l: Float64Array,
  covarianceWeight: number,
  keys: Float64Array,
  job: Job,
): Promise<Solve> {
  const unregularized: Solve = async (rows) => {
    await solved(l, rows, count, size, job);
    for (let i = 0; i < rows.length; i += 1) rows[i] /= covarianceWeight;
    return rows;
  };
  const y = await unregularized(keys.slice());
  const yRows = allRows(y, count, size);
  const yColumns = transposed(y, count, size);
  const inner = new Float64Array(count * count);
  await inTurns(productSteps(allRows(inner, count, count), yRows, allRows(keys, count, size), size, 1), job);
  for (let i = 0; i < count; i += 1) inner[i * count + i] += 1;
  await inTurns(factorSteps(inner, count), job);
  return async (rows) => {
    // Before the rows are solved in place: C is symmetric, so Yᵀr is Kᵀ(λC)⁻¹r.
    const weights = new Float64Array(count * count);
    const weightRows = allRows(weights, count, count);
    const own = allRows(rows, count, size);
    await inTurns(productSteps(weightRows, own, yRows, size, 1), job);
    await solved(inner, weights, count, count, job);
    await unregularized(rows);
    await inTurns(productSteps(own, weightRows, allRows(yColumns, size, count), count, -1), job);
    return rows;
  };
}
