/**
 * Linear algebra on the GPU, with the kernels of shaders/. Everything is float32; the regularised solve reaches beyond
 * that by iterative refinement with residuals in two-float arithmetic, or in double precision on the CPU where the GPU
 * does not keep that.
 */
import { NotPositiveDefiniteError } from '../errors.ts';
import type { GpuDevice } from '../runtime/device.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped, type TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type {
  AdamState,
  AdamStepOptions,
  CovarianceFactor,
  LinearAlgebra,
  LossAndGradient,
  MatmulOptions,
  RegularizedSolve,
} from './linear-algebra.ts';
import {
  ADAM,
  adamShape,
  gatherShape,
  gramShape,
  lossShape,
  matmulShape,
  matrixShape,
  regularizedShape,
  sameShape,
  scatterShape,
  squareSize,
  triangularShape,
} from './shapes.ts';
import { type Dispatch, dispatch, KernelRunner, type ShaderSource } from './webgpu/kernel-runner.ts';
import * as kernels from './webgpu/kernels.ts';
import { DoubleRefinement, TwoFloatRefinement, type System } from './webgpu/refinement.ts';
import { keepsTwoFloatArithmetic } from './webgpu/two-float-check.ts';

/** Refinement ends with a correction this small beside the solution: half the spacing of float32, which it is rounded to. */
const CORRECTION_GOAL = 2 ** -24;
/** A solve by the factor of C whose last correction was larger did not converge. */
const ACCEPTED_CORRECTION = 2 ** -20;
const MAX_SWEEPS = 8;
/** A sweep that does not at least halve the residual was the last useful one. */
const STALL_RATIO = 0.5;
/** Partial sums of a norm, added up here in double precision. */
const MAX_PARTIAL_SUMS = 1024;
/** What the status of a factorisation holds as long as every pivot was good (−1 as an int32). */
const NO_BAD_PIVOT = -1;
const CPU_RESIDUALS =
  'This GPU does not keep the order of float32 operations, so the residuals of the solves are computed on the CPU.';

/** L of C = LLᵀ, [F, F]. */
class GpuCovarianceFactor implements CovarianceFactor {
  readonly l: Tensor;

  constructor(l: Tensor) {
    this.l = l;
  }

  dispose(): void {
    this.l.dispose();
  }
}

/** The solution for right-hand sides in columns, [F, n], as a new tensor. */
type Solve = (columns: Tensor) => Promise<Tensor>;

export class WebGpuLinearAlgebra implements LinearAlgebra {
  readonly device: GpuDevice;
  /** What is computed otherwise than usual on this GPU and why, in one sentence; null where nothing is. */
  readonly note: string | null;
  readonly #runner: KernelRunner;
  readonly #twoFloat: boolean;

  private constructor(device: GpuDevice, runner: KernelRunner, twoFloat: boolean) {
    this.device = device;
    this.#runner = runner;
    this.#twoFloat = twoFloat;
    this.note = twoFloat ? null : CPU_RESIDUALS;
  }

  /**
   * @param shaderSource the text of a file of shaders/, by its name
   * @throws DeviceError when the GPU cannot run the plainest kernels
   */
  static async create(device: GpuDevice, shaderSource: ShaderSource): Promise<WebGpuLinearAlgebra> {
    const runner = new KernelRunner(device, shaderSource);
    await runner.prepare(kernels.addScaled);
    return new WebGpuLinearAlgebra(device, runner, await keepsTwoFloatArithmetic(device, runner));
  }

  async matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Promise<Tensor> {
    const { m, n, k } = matmulShape(a, b, options);
    const { transposeA = false, transposeB = false, alpha = 1, accumulateInto } = options;
    const describe = (result: Tensor): Dispatch[] => [
      dispatch({
        kernel: kernels.matmul,
        constants: {
          TRANSPOSE_A: Number(transposeA),
          TRANSPOSE_B: Number(transposeB),
          ACCUMULATE: Number(accumulateInto !== undefined),
        },
        values: { m, n, k, alpha },
        tensors: [a, b, result],
        workgroups: tiles(m) * tiles(n),
      }),
    ];
    if (!accumulateInto) return this.#into(this.device.allocate([m, n], 'float32', 'matmul'), 'matmul', describe);
    await this.#runner.run(describe(accumulateInto), 'matmul');
    return accumulateInto;
  }

  async addGram(c: Tensor, x: Tensor): Promise<void> {
    const { count, size } = gramShape(c, x);
    await this.#runner.run(
      [
        dispatch({
          kernel: kernels.gram,
          values: { count, size },
          tensors: [c, x],
          workgroups: triangle(tiles(size)),
        }),
      ],
      'addGram',
    );
  }

  async cholesky(a: Tensor): Promise<Tensor> {
    const size = squareSize('cholesky', a);
    const l = this.device.clone(a);
    try {
      await this.#factor(l, size);
      await this.#runner.run(
        [dispatch({ kernel: kernels.clearUpper, values: { size, start: 0 }, tensors: [l], workgroups: size })],
        'cholesky',
      );
      return l;
    } catch (error) {
      l.dispose();
      throw error;
    }
  }

  async solveTriangular(l: Tensor, b: Tensor, transpose = false): Promise<Tensor> {
    triangularShape(l, b);
    return this.#into(this.device.clone(b), 'solveTriangular', (x) => triangularSolve(l, x, transpose));
  }

  async factorCovariance(covariance: Tensor): Promise<CovarianceFactor> {
    return new GpuCovarianceFactor(await this.cholesky(covariance));
  }

  async solveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    known: CovarianceFactor | null = null,
  ): Promise<RegularizedSolve> {
    regularizedShape(covariance, keys);
    return scoped(async (scope) => {
      // One right-hand side a column, so that neighbouring threads of the solves read neighbouring words.
      const columns = scope.track(await this.#transpose(keys));
      const system = { covariance, covarianceWeight, keys, columns };
      if (known) {
        const solved = await this.#solveWithFactor((known as GpuCovarianceFactor).l, system);
        if (solved) return solved;
      }
      const solve = await this.#directSolve(covariance, covarianceWeight, keys, scope);
      return (await this.#refined(system, solve)).solved;
    });
  }

  /** By Woodbury's identity; null where float32 is too coarse for that, which the whole system's own factor may still bear. */
  async #solveWithFactor(l: Tensor, system: System): Promise<RegularizedSolve | null> {
    return scoped(async (scope) => {
      try {
        const { solved, correction } = await this.#refined(system, await this.#factoredSolve(l, system, scope));
        if (correction <= ACCEPTED_CORRECTION) return solved;
        solved.solution.dispose();
      } catch (error) {
        if (!(error instanceof NotPositiveDefiniteError)) throw error;
      }
      return null;
    });
  }

  /** Refines until nothing is gained; `correction` is the last one's norm beside the solution's. */
  async #refined(system: System, solve: Solve): Promise<{ solved: RegularizedSolve; correction: number }> {
    return scoped(async (scope) => {
      const refinement = this.#twoFloat
        ? new TwoFloatRefinement(this.device, this.#runner, scope, system)
        : await DoubleRefinement.open(this.device, scope, system);
      const scale = (await this.norm(system.keys)) || 1;
      /** Solves for `from` and adds what comes out to the solution; the norm of the correction. */
      const correct = async (from: Tensor): Promise<number> => {
        const change = scope.track(await solve(from));
        await refinement.add(change);
        const changeNorm = await this.norm(change);
        scope.drop(change);
        return changeNorm;
      };

      const solutionNorm = (await correct(system.columns)) || 1;
      let residual = await refinement.residual();
      let relativeResidual = (await this.norm(residual)) / scale;
      let correction = 1;
      const residualHistory = [relativeResidual];
      for (let sweep = 0; sweep < MAX_SWEEPS; sweep += 1) {
        correction = (await correct(residual)) / solutionNorm;
        const before = relativeResidual;
        residual = await refinement.residual();
        const reached = (await this.norm(residual)) / scale;
        residualHistory.push(reached);
        // A sweep that made it worse (too ill-conditioned for the factor) is not taken.
        if (reached < before) relativeResidual = reached;
        else refinement.takeBack();
        if (!(reached < STALL_RATIO * before) || correction <= CORRECTION_GOAL) break;
      }
      return { solved: { solution: await refinement.rounded(), relativeResidual, residualHistory }, correction };
    });
  }

  async crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const { rows, width } = lossShape('crossEntropy', logits, { targets, weights });
    return this.#loss(rows, width, 'crossEntropy', (loss, gradient) =>
      dispatch({
        kernel: kernels.crossEntropy,
        values: { width },
        tensors: [logits, targets, weights, loss, gradient],
        workgroups: rows,
      }),
    );
  }

  async klDivergence(logits: Tensor, reference: Tensor, weights: Tensor): Promise<LossAndGradient> {
    const { rows, width } = lossShape('klDivergence', logits, { reference, weights });
    return this.#loss(rows, width, 'klDivergence', (loss, gradient) =>
      dispatch({
        kernel: kernels.klDivergence,
        values: { width },
        tensors: [logits, reference, weights, loss, gradient],
        workgroups: rows,
      }),
    );
  }

  async logSoftmax(logits: Tensor): Promise<Tensor> {
    const { rows, width } = lossShape('logSoftmax', logits);
    return this.#into(this.device.allocate([rows, width], 'float32', 'log softmax'), 'logSoftmax', (result) => [
      dispatch({ kernel: kernels.logSoftmax, values: { width }, tensors: [logits, result], workgroups: rows }),
    ]);
  }

  async gatherRows(source: Tensor, indices: Tensor): Promise<Tensor> {
    const { width, count } = gatherShape(source, indices);
    return this.#into(this.device.allocate([count, width], 'float32', 'rows'), 'gatherRows', (result) => [
      dispatch({
        kernel: kernels.gatherRows,
        values: { width, count, alpha: 1 },
        tensors: [source, indices, result],
        workgroups: groupsOf256(count * width),
      }),
    ]);
  }

  async scatterAddRows(target: Tensor, indices: Tensor, rows: Tensor, alpha = 1): Promise<void> {
    const { width, count } = scatterShape(target, indices, rows);
    await this.#runner.run(
      [
        dispatch({
          kernel: kernels.scatterAddRows,
          values: { width, count, alpha },
          tensors: [rows, indices, target],
          workgroups: Math.ceil(width / kernels.COLUMN_THREADS),
        }),
      ],
      'scatterAddRows',
    );
  }

  async adamStep(state: AdamState, gradient: Tensor, options: AdamStepOptions): Promise<void> {
    const { count, width } = adamShape(state, gradient, options);
    const { beta1, beta2, epsilon } = ADAM;
    await this.#runner.run(
      [
        dispatch({
          kernel: kernels.adamStep,
          values: {
            width,
            beta1,
            beta2,
            oneMinusBeta1: 1 - beta1,
            oneMinusBeta2: 1 - beta2,
            epsilon,
            stepSize: options.learningRate / (1 - beta1 ** options.step),
            correction: Math.sqrt(1 - beta2 ** options.step),
          },
          tensors: [state.delta, state.firstMoment, state.secondMoment, gradient, options.decay, options.maxNorm],
          workgroups: count,
        }),
      ],
      'adamStep',
    );
  }

  async rowNorms(x: Tensor): Promise<Tensor> {
    const [rows, width] = matrixShape('rowNorms', x);
    return this.#into(this.device.allocate([rows], 'float32', 'norms'), 'rowNorms', (result) => [
      dispatch({
        kernel: kernels.rowNorms,
        values: { width, count: rows, alpha: 1 },
        tensors: [x, result],
        workgroups: rows,
      }),
    ]);
  }

  async addScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
    sameShape('addScaled', a, b);
    return this.#into(this.device.allocate(a.dims, 'float32', 'sum'), 'addScaled', (result) => [
      dispatch({
        kernel: kernels.addScaled,
        values: { size: a.size, columns: a.size, alpha, beta },
        tensors: [a, b, result],
        workgroups: groupsOf256(a.size),
      }),
    ]);
  }

  async norm(x: Tensor): Promise<number> {
    if (x.size === 0) return 0;
    return scoped(async (scope) => {
      const workgroups = Math.min(groupsOf256(x.size), MAX_PARTIAL_SUMS);
      const sums = scope.track(this.device.allocate([workgroups], 'float32', 'partial sums'));
      await this.#runner.run(
        [
          dispatch({
            kernel: kernels.sumOfSquares,
            values: { size: x.size, columns: x.size, alpha: 1, beta: 0 },
            tensors: [x, sums],
            workgroups,
          }),
        ],
        'norm',
      );
      const squares = await readFloats(this.device, sums);
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    });
  }

  /** Cholesky in place in the lower half; what lies above the diagonal is left as it is. */
  async #factor(a: Tensor, size: number): Promise<void> {
    await scoped(async (scope) => {
      const status = scope.track(this.device.upload(Int32Array.of(NO_BAD_PIVOT), [1], 'pivot status'));
      await this.#runner.run(choleskySteps(a, status, size), 'cholesky');
      const [pivot] = await this.device.read(status);
      if (pivot !== NO_BAD_PIVOT) throw new NotPositiveDefiniteError(pivot);
    });
  }

  /** With the factor of λC + KᵀK itself. What it allocates belongs to the scope. */
  async #directSolve(covariance: Tensor, covarianceWeight: number, keys: Tensor, scope: TensorScope): Promise<Solve> {
    const l = scope.track(await this.addScaled(covariance, covarianceWeight, covariance, 0));
    await this.addGram(l, keys);
    await this.#factor(l, l.dims[0]);
    return (columns) => this.#solved(l, columns);
  }

  /**
   * With the factor of C: (λC + KᵀK)⁻¹ = (λC)⁻¹ − Y(1 + KᵀY)⁻¹Yᵀ with Y = (λC)⁻¹K, keys in columns (Woodbury). What it allocates
   * belongs to the scope.
   */
  async #factoredSolve(l: Tensor, { covarianceWeight, keys, columns }: System, scope: TensorScope): Promise<Solve> {
    const count = columns.dims[1];
    /** (λC)⁻¹ times the columns. */
    const unregularized = (from: Tensor): Promise<Tensor> =>
      scoped(async (inner) => {
        const solved = inner.track(await this.#solved(l, from));
        return this.addScaled(solved, 1 / covarianceWeight, solved, 0);
      });
    const y = scope.track(await unregularized(columns));
    const yRows = scope.track(await this.#transpose(y));
    const identity = Float32Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
    const inner = scope.track(this.device.upload(identity, [count, count], '1 + KᵀY'));
    await this.matmul(keys, y, { accumulateInto: inner });
    await this.#factor(inner, count);
    return (from) =>
      scoped(async (local) => {
        // Yᵀ times the right-hand sides: the same as Kᵀ(λC)⁻¹ times them.
        const products = local.track(await this.matmul(yRows, from));
        const weights = local.track(await this.#solved(inner, products));
        const solution = await unregularized(from);
        return this.matmul(y, weights, { alpha: -1, accumulateInto: solution });
      });
  }

  /** X with L·Lᵀ·X = B, in a new tensor. */
  #solved(l: Tensor, b: Tensor): Promise<Tensor> {
    return this.#into(this.device.clone(b), 'solve', (x) => [
      ...triangularSolve(l, x, false),
      ...triangularSolve(l, x, true),
    ]);
  }

  #transpose(x: Tensor): Promise<Tensor> {
    const [rows, columns] = x.dims;
    return this.#into(this.device.allocate([columns, rows], 'float32', 'transpose'), 'transpose', (result) => [
      dispatch({
        kernel: kernels.transpose,
        values: { size: x.size, columns, alpha: 1, beta: 0 },
        tensors: [x, result],
        workgroups: groupsOf256(x.size),
      }),
    ]);
  }

  async #loss(
    rows: number,
    width: number,
    label: string,
    describe: (loss: Tensor, gradient: Tensor) => Dispatch,
  ): Promise<LossAndGradient> {
    const loss = this.device.allocate([rows], 'float32', 'loss');
    const gradient = this.device.allocate([rows, width], 'float32', 'gradient of logits');
    try {
      await this.#runner.run([describe(loss, gradient)], label);
      return { loss, gradient };
    } catch (error) {
      loss.dispose();
      gradient.dispose();
      throw error;
    }
  }

  /** Runs what fills `result` and hands it on; frees it when that fails. */
  async #into(result: Tensor, label: string, describe: (result: Tensor) => Dispatch[]): Promise<Tensor> {
    try {
      await this.#runner.run(describe(result), label);
      return result;
    } catch (error) {
      result.dispose();
      throw error;
    }
  }
}

/** The three steps of every panel; the last panel has nothing below it. */
function choleskySteps(a: Tensor, status: Tensor, size: number): Dispatch[] {
  const steps: Dispatch[] = [];
  for (let start = 0; start < size; start += kernels.PANEL) {
    const values = { size, start };
    steps.push(dispatch({ kernel: kernels.factorPanel, values, tensors: [a, status], workgroups: 1 }));
    const below = size - start - kernels.PANEL;
    if (below <= 0) break;
    steps.push(
      dispatch({
        kernel: kernels.solvePanel,
        values,
        tensors: [a],
        workgroups: Math.ceil(below / kernels.PANEL_THREADS),
      }),
      dispatch({ kernel: kernels.updateTrailing, values, tensors: [a], workgroups: triangle(tiles(below)) }),
    );
  }
  return steps;
}

/** Solves with L [size, size] in place of `x` [size, count], block by block. */
function triangularSolve(l: Tensor, x: Tensor, backward: boolean): Dispatch[] {
  const [size, count] = x.dims;
  const constants = { BACKWARD: Number(backward) };
  const blocks = Math.ceil(size / kernels.PANEL);
  return Array.from({ length: blocks }, (_, i) => {
    const start = (backward ? blocks - 1 - i : i) * kernels.PANEL;
    const remaining = backward ? start : size - start - kernels.PANEL;
    const common = { constants, values: { size, count, start }, tensors: [l, x] };
    const solve = dispatch({
      ...common,
      kernel: kernels.solveBlock,
      workgroups: Math.ceil(count / kernels.PANEL_THREADS),
    });
    if (remaining <= 0) return [solve];
    return [solve, dispatch({ ...common, kernel: kernels.updateRows, workgroups: tiles(remaining) * tiles(count) })];
  }).flat();
}

function tiles(length: number): number {
  return Math.ceil(length / kernels.TILE);
}

/** Tiles on and below the diagonal of a square of `side` tiles. */
function triangle(side: number): number {
  return (side * (side + 1)) / 2;
}

function groupsOf256(elements: number): number {
  return Math.ceil(elements / kernels.THREADS);
}
