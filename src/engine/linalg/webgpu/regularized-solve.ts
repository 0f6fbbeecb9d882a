/**
 * The rows a with (λC + KᵀK)·a = k on the GPU: solved in float32, by the system's own factor or by the factor of C, then refined with
 * residuals of more bits until nothing is gained (refinement.ts).
 */
import { NotPositiveDefiniteError } from '../../errors.ts';
import { scoped, type TensorScope } from '../../runtime/scope.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import type { RegularizedSolve } from '../linear-algebra.ts';
import type { GpuContext } from './context.ts';
import { factorForSolves, type GpuFactor, solveWithFactor } from './factorization.ts';
import { addGram, addScaled, matmul, norm, transpose } from './operations.ts';
import { openRefinement, type System } from './refinement.ts';

/** Refinement ends with a correction this small beside the solution: half the spacing of float32, which it is rounded to. */
const CORRECTION_GOAL = 2 ** -24;
/** A solve by the factor of C whose last correction was larger did not converge. */
const ACCEPTED_CORRECTION = 2 ** -20;
const MAX_SWEEPS = 8;
/** A sweep that does not at least halve the residual was the last useful one. */
const STALL_RATIO = 0.5;

/** The solution for right-hand sides in columns, [F, n], as a new tensor. */
type Solve = (columns: Tensor) => Promise<Tensor>;

/**
 * @param covariance C, [F, F]
 * @param covarianceWeight λ
 * @param keys K, [u, F]
 * @param known the factor of C, which spares the system's own where float32 is fine enough for that
 * @throws NotPositiveDefiniteError
 */
export function solveRegularized(
  gpu: GpuContext,
  covariance: Tensor,
  covarianceWeight: number,
  keys: Tensor,
  known: GpuFactor | null,
): Promise<RegularizedSolve> {
  return scoped(async (scope) => {
    // One right-hand side a column, so that neighbouring threads of the solves read neighbouring words.
    const columns = scope.track(await transpose(gpu, keys));
    const system = { covariance, covarianceWeight, keys, columns };
    if (known) {
      const solved = await solveByCovarianceFactor(gpu, system, known);
      if (solved) return solved;
    }
    return (await refined(gpu, system, await directSolve(gpu, system, scope))).solved;
  });
}

/** By Woodbury's identity; null where float32 is too coarse for that, which the whole system's own factor may still bear. */
async function solveByCovarianceFactor(
  gpu: GpuContext,
  system: System,
  known: GpuFactor,
): Promise<RegularizedSolve | null> {
  return scoped(async (scope) => {
    try {
      const { solved, correction } = await refined(gpu, system, await woodburySolve(gpu, system, known, scope));
      if (correction <= ACCEPTED_CORRECTION) return solved;
      solved.solution.dispose();
    } catch (error) {
      if (!(error instanceof NotPositiveDefiniteError)) throw error;
    }
    return null;
  });
}

/** With the factor of the system's own matrix. What it allocates belongs to the scope. */
async function directSolve(
  gpu: GpuContext,
  { covariance, covarianceWeight, keys }: System,
  scope: TensorScope,
): Promise<Solve> {
  const matrix = scope.track(await addScaled(gpu, covariance, covarianceWeight, covariance, 0));
  await addGram(gpu, matrix, keys);
  const factor = scope.track(await factorForSolves(gpu, scope.release(matrix)));
  return (columns) => solveWithFactor(gpu, factor, columns);
}

/**
 * With the factor of C: (λC + KKᵀ)⁻¹ = (λC)⁻¹ − Y(1 + KᵀY)⁻¹Yᵀ with Y = (λC)⁻¹K, keys in the columns of K (Woodbury's identity). What it
 * allocates belongs to the scope.
 */
async function woodburySolve(
  gpu: GpuContext,
  { covarianceWeight, keys, columns }: System,
  known: GpuFactor,
  scope: TensorScope,
): Promise<Solve> {
  const count = columns.dims[1];
  /** (λC)⁻¹ times the columns. */
  const unregularized = (from: Tensor): Promise<Tensor> =>
    scoped(async (inner) => {
      const solved = inner.track(await solveWithFactor(gpu, known, from));
      return addScaled(gpu, solved, 1 / covarianceWeight, solved, 0);
    });
  const y = scope.track(await unregularized(columns));
  const yRows = scope.track(await transpose(gpu, y));
  const identity = Float32Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
  const matrix = scope.track(gpu.device.upload(identity, [count, count], '1 + KᵀY'));
  await matmul(gpu, keys, y, { accumulateInto: matrix });
  const inner = scope.track(await factorForSolves(gpu, scope.release(matrix)));
  return (from) =>
    scoped(async (local) => {
      // C is symmetric: Yᵀ times the right-hand sides is Kᵀ(λC)⁻¹ times them.
      const products = local.track(await matmul(gpu, yRows, from));
      const weights = local.track(await solveWithFactor(gpu, inner, products));
      const solution = await unregularized(from);
      return matmul(gpu, y, weights, { alpha: -1, accumulateInto: solution });
    });
}

/** Refines until nothing is gained; `correction` is the last one's norm beside the solution's. */
async function refined(
  gpu: GpuContext,
  system: System,
  solve: Solve,
): Promise<{ solved: RegularizedSolve; correction: number }> {
  return scoped(async (scope) => {
    const refinement = await openRefinement(gpu, scope, system);
    const scale = (await norm(gpu, system.keys)) || 1;
    /** Solves for `from` and adds what comes out to the solution; the norm of the correction. */
    const correct = async (from: Tensor): Promise<number> => {
      const change = scope.track(await solve(from));
      await refinement.add(change);
      const changeNorm = await norm(gpu, change);
      scope.drop(change);
      return changeNorm;
    };

    const solutionNorm = (await correct(system.columns)) || 1;
    let residual = await refinement.residual();
    let relativeResidual = (await norm(gpu, residual)) / scale;
    let correction = 1;
    const residualHistory = [relativeResidual];
    for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
      correction = (await correct(residual)) / solutionNorm;
      const before = relativeResidual;
      residual = await refinement.residual();
      const reached = (await norm(gpu, residual)) / scale;
      residualHistory.push(reached);
      // A sweep that made it worse (too ill-conditioned for the factor) is not taken.
      if (reached < before) relativeResidual = reached;
      else refinement.takeBack();
      if (!(reached < STALL_RATIO * before) || correction <= CORRECTION_GOAL) break;
    }
    return { solved: { solution: await refinement.rounded(), relativeResidual, residualHistory }, correction };
  });
}
