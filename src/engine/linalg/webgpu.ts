/**
 * Linear algebra on the GPU, with the kernels of shaders/. Everything is float32; the regularised solve reaches beyond
 * that by iterative refinement with residuals in two-float arithmetic, or in double precision on the CPU where the GPU
 * does not keep that.
 */
import { NotPositiveDefiniteError } from '../errors.ts';
import type { GpuDevice } from '../runtime/device.ts';
import { readFloats } from '../runtime/device.ts';
import { adapterInfo, isSoftware } from '../runtime/gpu.ts';
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
  columnsShape,
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
import { choleskySteps } from './webgpu/cholesky.ts';
import { ALIGNMENT, type Dispatch, dispatch, KernelRunner, type ShaderSource } from './webgpu/kernel-runner.ts';
import * as kernels from './webgpu/kernels.ts';
import { matrixOf } from './webgpu/matrix.ts';
import { piecesOf, piecewiseProductSteps, type Product, type ProductDevice, productSteps } from './webgpu/products.ts';
import { DoubleRefinement, TwoFloatRefinement, type System } from './webgpu/refinement.ts';
import { DEFAULT_TILES, PLAINEST_TILES, supportedTiles, type TileTable } from './webgpu/tiles.ts';
import { inverseSides, inversionSteps, triangularSteps, wideningSteps } from './webgpu/triangular.ts';
import { tuneTiles, tuningKey, type TuningStore } from './webgpu/tuning.ts';
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

/** Subgroups of more invocations than this do not divide what the kernels add up by them. */
const LARGEST_SUBGROUP = 32;

/** L [n, n] of a matrix LLᵀ, and the inverses of its diagonal blocks, with which it is solved. */
class GpuFactor implements CovarianceFactor {
  readonly l: Tensor;
  readonly inverses: Tensor;

  constructor(l: Tensor, inverses: Tensor) {
    this.l = l;
    this.inverses = inverses;
  }

  dispose(): void {
    this.l.dispose();
    this.inverses.dispose();
  }
}

/** The solution for right-hand sides in columns, [F, n], as a new tensor. */
type Solve = (columns: Tensor) => Promise<Tensor>;

export interface WebGpuOptions {
  /** The tiles of matrix products, as a tuning found them; defaults when absent. */
  readonly tiles?: TileTable;
  /** Bytes that one binding may hold, if fewer than the device allows. */
  readonly bindingBytes?: number;
}

export class WebGpuLinearAlgebra implements LinearAlgebra {
  readonly device: GpuDevice;
  /** What is computed otherwise than usual on this GPU and why, in one sentence; null where nothing is. */
  readonly note: string | null;
  readonly #runner: KernelRunner;
  #products: ProductDevice;
  readonly #twoFloat: boolean;

  private constructor(device: GpuDevice, runner: KernelRunner, products: ProductDevice, twoFloat: boolean) {
    this.device = device;
    this.#runner = runner;
    this.#products = products;
    this.#twoFloat = twoFloat;
    this.note = twoFloat ? null : CPU_RESIDUALS;
  }

  /**
   * @param shaderSource the text of a file of shaders/, by its name
   * @throws DeviceError when the GPU cannot run the plainest kernels
   */
  static async create(
    device: GpuDevice,
    shaderSource: ShaderSource,
    options: WebGpuOptions = {},
  ): Promise<WebGpuLinearAlgebra> {
    const runner = new KernelRunner(device, shaderSource);
    await runner.prepare(kernels.addScaled);
    const twoFloat = await keepsTwoFloatArithmetic(device, runner);
    return new WebGpuLinearAlgebra(device, runner, productDevice(device, options), twoFloat);
  }

  /**
   * With the tiles that are fastest on this GPU: tuned once, kept from then on. A driver that runs on the CPU has its own defaults and
   * would take minutes; where the tuning fails, defaults serve.
   * @throws DeviceError as {@link create} does
   */
  static async createTuned(
    device: GpuDevice,
    shaderSource: ShaderSource,
    tunings: TuningStore,
  ): Promise<WebGpuLinearAlgebra> {
    const info = adapterInfo(device.gpu);
    const key = tuningKey(info);
    const tiles = (await tunings.loadTiles(key)) ?? undefined;
    const linalg = await WebGpuLinearAlgebra.create(device, shaderSource, { tiles });
    if (!tiles && !isSoftware(info)) {
      await linalg.tune().then(
        (found) => tunings.saveTiles(key, found),
        () => undefined,
      );
    }
    return linalg;
  }

  /** What products are computed with here. */
  get productDevice(): ProductDevice {
    return this.#products;
  }

  /** Finds the fastest tiles of this GPU, uses them from now on and returns them, for {@link WebGpuOptions.tiles} of the next time. */
  async tune(): Promise<TileTable> {
    const tiles = await tuneTiles(this.device, this.#runner, this.#products);
    this.#products = { ...this.#products, tiles };
    return tiles;
  }

  async matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Promise<Tensor> {
    const { m, n } = matmulShape(a, b, options);
    const { accumulateInto, ...rest } = options;
    const product = (c: Tensor): Product => ({
      ...rest,
      a: matrixOf(a),
      b: matrixOf(b),
      c: matrixOf(c),
      accumulate: accumulateInto !== undefined,
    });
    const result = accumulateInto ?? this.device.allocate([m, n], 'float32', 'matmul');
    try {
      await this.#multiply(product(result));
      return result;
    } catch (error) {
      if (!accumulateInto) result.dispose();
      throw error;
    }
  }

  async addGram(c: Tensor, x: Tensor): Promise<void> {
    gramShape(c, x);
    const rows = matrixOf(x);
    await this.#runner.run(
      productSteps(this.#products, {
        a: rows,
        b: rows,
        c: matrixOf(c),
        transposeA: true,
        accumulate: true,
        symmetric: 'both',
      }),
      'addGram',
    );
  }

  async cholesky(a: Tensor): Promise<Tensor> {
    squareSize('cholesky', a);
    const { l, inverses } = await this.#decomposed(this.device.clone(a));
    inverses.dispose();
    return l;
  }

  async solveTriangular(l: Tensor, b: Tensor, transpose = false): Promise<Tensor> {
    const { size } = triangularShape(l, b);
    return scoped(async (scope) => {
      const blocks = await this.#into(this.#allocateInverses(size), 'inverse diagonal blocks', (result) =>
        inversionSteps(this.#products, matrixOf(l), result),
      );
      const inverses = scope.track(await this.#widened(l, blocks));
      return this.#solvedTriangular({ l, inverses }, scope.track(this.device.clone(b)), transpose);
    });
  }

  async factorCovariance(covariance: Tensor): Promise<CovarianceFactor> {
    squareSize('factorCovariance', covariance);
    return this.#factored(this.device.clone(covariance));
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
        const solved = await this.#solveWithFactor(known as GpuFactor, system);
        if (solved) return solved;
      }
      const solve = await this.#directSolve(covariance, covarianceWeight, keys, scope);
      return (await this.#refined(system, solve)).solved;
    });
  }

  /** By Woodbury's identity; null where float32 is too coarse for that, which the whole system's own factor may still bear. */
  async #solveWithFactor(known: GpuFactor, system: System): Promise<RegularizedSolve | null> {
    return scoped(async (scope) => {
      try {
        const { solved, correction } = await this.#refined(system, await this.#factoredSolve(known, system, scope));
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
        ? new TwoFloatRefinement(this.device, this.#runner, scope, system, this.#products.bindingBytes)
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

  async writeColumns(target: Tensor, start: number, columns: Tensor): Promise<void> {
    const { targetWidth, width } = columnsShape(target, start, columns);
    await this.#runner.run(
      [
        dispatch({
          kernel: kernels.writeColumns,
          values: { size: columns.size, width, target_width: targetWidth, start },
          tensors: [columns, target],
          workgroups: groupsOf256(columns.size),
        }),
      ],
      'writeColumns',
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
    return this.#into(this.device.allocate(a.dims, 'float32', 'sum'), 'addScaled', (result) =>
      this.#ranges(a.size).map(({ offset, length }) =>
        dispatch({
          kernel: kernels.addScaled,
          values: { size: length, columns: length, alpha, beta },
          tensors: [a, b, result].map((tensor) => ({ tensor, offset, length })),
          workgroups: groupsOf256(length),
        }),
      ),
    );
  }

  async norm(x: Tensor): Promise<number> {
    if (x.size === 0) return 0;
    return scoped(async (scope) => {
      const ranges = this.#ranges(x.size).map((range) => ({
        ...range,
        workgroups: Math.min(groupsOf256(range.length), MAX_PARTIAL_SUMS),
      }));
      const slots = Math.ceil(ranges[0].workgroups / ALIGNMENT) * ALIGNMENT;
      const sums = scope.track(this.device.zeros([ranges.length, slots], 'float32', 'partial sums'));
      const steps = ranges.map(({ offset, length, workgroups }, i) =>
        dispatch({
          kernel: kernels.sumOfSquares,
          values: { size: length, columns: length, alpha: 1, beta: 0 },
          tensors: [
            { tensor: x, offset, length },
            { tensor: sums, offset: i * slots, length: workgroups },
          ],
          workgroups,
        }),
      );
      await this.#runner.run(steps, 'norm');
      const squares = await readFloats(this.device, sums);
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    });
  }

  /** The elements of a tensor in as few ranges as bindings allow. */
  #ranges(size: number): { offset: number; length: number }[] {
    const most = Math.floor(this.#products.bindingBytes / 4 / ALIGNMENT) * ALIGNMENT;
    return Array.from({ length: Math.ceil(size / most) }, (_, i) => ({
      offset: i * most,
      length: Math.min(most, size - i * most),
    }));
  }

  /** The product, cut into pieces along k where it would otherwise leave most of the GPU idle. */
  async #multiply(product: Product): Promise<void> {
    const { pieces, length } = piecesOf(this.#products, product);
    if (pieces === 1) {
      await this.#runner.run(productSteps(this.#products, product), 'matmul');
      return;
    }
    await scoped(async (scope) => {
      const { rows, columns } = product.c;
      const partial = scope.track(this.device.allocate([pieces, rows, columns], 'float32', 'partial products'));
      await this.#runner.run(piecewiseProductSteps(this.#products, product, partial, length), 'matmul');
    });
  }

  /** Factors a [n, n] in place and takes it over, as {@link #decomposed} does, with all that solves need. */
  async #factored(a: Tensor): Promise<GpuFactor> {
    const { l, inverses } = await this.#decomposed(a);
    try {
      return new GpuFactor(l, await this.#widened(l, inverses));
    } catch (error) {
      l.dispose();
      throw error;
    }
  }

  /**
   * Factors a [n, n] in place and takes it over: it is in the result, beside the inverses of blocks of 64, or freed when
   * the matrix has no factor.
   */
  async #decomposed(a: Tensor): Promise<GpuFactor> {
    const [size] = a.dims;
    const factor = new GpuFactor(a, this.#allocateInverses(size));
    try {
      await scoped(async (scope) => {
        const status = scope.track(this.device.upload(Int32Array.of(NO_BAD_PIVOT), [1], 'pivot status'));
        const panel = scope.track(this.device.allocate([size, kernels.PANEL], 'float32', 'Cholesky panel'));
        const workspace = { inverses: factor.inverses, panel, status };
        await this.#runner.run(choleskySteps(this.#products, matrixOf(a), workspace), 'cholesky');
        const [pivot] = await this.device.read(status);
        if (pivot !== NO_BAD_PIVOT) throw new NotPositiveDefiniteError(pivot);
      });
      return factor;
    } catch (error) {
      factor.dispose();
      throw error;
    }
  }

  #allocateInverses(size: number): Tensor {
    const blocks = Math.ceil(size / kernels.BLOCK);
    return this.device.allocate([blocks, kernels.BLOCK, kernels.BLOCK], 'float32', 'inverse diagonal blocks');
  }

  /** The inverses of diagonal blocks of L as large as a solve wants them; takes over those it is given. */
  async #widened(l: Tensor, inverses: Tensor): Promise<Tensor> {
    return scoped(async (scope) => {
      let narrow = scope.track(inverses);
      for (const side of inverseSides(l.dims[0]).slice(1)) {
        const count = Math.ceil(l.dims[0] / side);
        const wide = scope.track(this.device.allocate([count, side, side], 'float32', 'inverse diagonal blocks'));
        const between = scope.track(this.device.allocate([count, side / 2, side / 2], 'float32', 'products of blocks'));
        await this.#runner.run(wideningSteps(this.#products, matrixOf(l), { narrow, wide, between }), 'widen');
        scope.drop(between);
        scope.drop(narrow);
        narrow = wide;
      }
      return scope.release(narrow);
    });
  }

  /** With the factor of λC + KᵀK itself. What it allocates belongs to the scope. */
  async #directSolve(covariance: Tensor, covarianceWeight: number, keys: Tensor, scope: TensorScope): Promise<Solve> {
    const matrix = scope.track(await this.addScaled(covariance, covarianceWeight, covariance, 0));
    await this.addGram(matrix, keys);
    const factor = scope.track(await this.#factored(scope.release(matrix)));
    return (columns) => this.#solved(factor, columns);
  }

  /**
   * With the factor of C: (λC + KᵀK)⁻¹ = (λC)⁻¹ − Y(1 + KᵀY)⁻¹Yᵀ with Y = (λC)⁻¹K, keys in columns (Woodbury). What it allocates
   * belongs to the scope.
   */
  async #factoredSolve(
    known: GpuFactor,
    { covarianceWeight, keys, columns }: System,
    scope: TensorScope,
  ): Promise<Solve> {
    const count = columns.dims[1];
    /** (λC)⁻¹ times the columns. */
    const unregularized = (from: Tensor): Promise<Tensor> =>
      scoped(async (inner) => {
        const solved = inner.track(await this.#solved(known, from));
        return this.addScaled(solved, 1 / covarianceWeight, solved, 0);
      });
    const y = scope.track(await unregularized(columns));
    const yRows = scope.track(await this.#transpose(y));
    const identity = Float32Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
    const matrix = scope.track(this.device.upload(identity, [count, count], '1 + KᵀY'));
    await this.matmul(keys, y, { accumulateInto: matrix });
    const inner = scope.track(await this.#factored(scope.release(matrix)));
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
  #solved(factor: Pick<GpuFactor, 'l' | 'inverses'>, b: Tensor): Promise<Tensor> {
    return scoped(async (scope) => {
      const half = scope.track(await this.#solvedTriangular(factor, scope.track(this.device.clone(b)), false));
      return this.#solvedTriangular(factor, half, true);
    });
  }

  /** X with L·X = B or Lᵀ·X = B in a new tensor; B is overwritten. */
  #solvedTriangular(
    { l, inverses }: Pick<GpuFactor, 'l' | 'inverses'>,
    b: Tensor,
    transpose: boolean,
  ): Promise<Tensor> {
    const system = { l: matrixOf(l), inverses, from: matrixOf(b), transpose };
    return this.#into(this.device.allocate(b.dims, 'float32', 'solution'), 'triangular solve', (result) =>
      triangularSteps(this.#products, { ...system, to: matrixOf(result) }),
    );
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

function productDevice({ gpu }: GpuDevice, { tiles, bindingBytes }: WebGpuOptions): ProductDevice {
  const wanted = tiles ?? (isSoftware(adapterInfo(gpu)) ? PLAINEST_TILES : DEFAULT_TILES);
  return {
    tiles: supportedTiles(wanted, gpu),
    bindingBytes: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
    subgroups: gpu.features.has('subgroups') && adapterInfo(gpu).subgroupMaxSize <= LARGEST_SUBGROUP,
  };
}

function groupsOf256(elements: number): number {
  return Math.ceil(elements / kernels.THREADS);
}
