/**
 * Linear algebra on the GPU, with the kernels of shaders/. Everything is float32; the regularised solve reaches beyond
 * that by iterative refinement with residuals in two-float arithmetic, or in double precision on the CPU where the GPU
 * does not keep that.
 */
import type { GpuDevice } from '../runtime/device.ts';
import { adapterInfo, isSoftware } from '../runtime/gpu.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { CheckedLinearAlgebra } from './checked-linear-algebra.ts';
import {
  ADAM,
  type AdamState,
  type AdamStepOptions,
  type CovarianceFactor,
  type LossAndGradient,
  type MatmulOptions,
  type RegularizedSolve,
} from './linear-algebra.ts';
import type { ColumnsShape, IndexedRowsShape, RowsShape } from './shapes.ts';
import { type GpuContext, runInto } from './webgpu/context.ts';
import { factorForSolves, factorInPlace, type GpuFactor, solveTriangular } from './webgpu/factorization.ts';
import { dispatch, KernelRunner, type ShaderSource } from './webgpu/kernel-runner.ts';
import * as kernels from './webgpu/kernels.ts';
import * as operations from './webgpu/operations.ts';
import type { ProductDevice } from './webgpu/products.ts';
import { solveRegularized } from './webgpu/regularized-solve.ts';
import { DEFAULT_TILES, PLAINEST_TILES, supportedTiles, type TileTable } from './webgpu/tiles.ts';
import { tuneTiles, tuningKey, type TuningStore } from './webgpu/tuning.ts';
import { keepsTwoFloatArithmetic } from './webgpu/two-float-check.ts';

const CPU_RESIDUALS =
  'This GPU does not keep the order of float32 operations, so the residuals of the solves are computed on the CPU.';

/** Subgroups of more invocations than this do not divide what the kernels add up by them. */
const LARGEST_SUBGROUP = 32;

export interface WebGpuOptions {
  /** The tiles of matrix products, as a tuning found them; defaults when absent. */
  readonly tiles?: TileTable;
  /** Bytes that one binding may hold, if fewer than the device allows. */
  readonly bindingBytes?: number;
}

export class WebGpuLinearAlgebra extends CheckedLinearAlgebra {
  override readonly device: GpuDevice;
  /** What is computed otherwise than usual on this GPU and why, in one sentence; null where nothing is. */
  readonly note: string | null;
  #gpu: GpuContext;

  private constructor(gpu: GpuContext) {
    super();
    this.device = gpu.device;
    this.note = gpu.twoFloat ? null : CPU_RESIDUALS;
    this.#gpu = gpu;
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
    return new WebGpuLinearAlgebra({ device, runner, products: productDevice(device, options), twoFloat });
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
    return this.#gpu.products;
  }

  /** Finds the fastest tiles of this GPU, uses them from now on and returns them, for {@link WebGpuOptions.tiles} of the next time. */
  async tune(): Promise<TileTable> {
    const { runner, products } = this.#gpu;
    const tiles = await tuneTiles(this.device, runner, products);
    this.#gpu = { ...this.#gpu, products: { ...products, tiles } };
    return tiles;
  }

  override norm(x: Tensor): Promise<number> {
    return operations.norm(this.#gpu, x);
  }

  protected override computeMatmul(a: Tensor, b: Tensor, options: MatmulOptions): Promise<Tensor> {
    return operations.matmul(this.#gpu, a, b, options);
  }

  protected override computeAddGram(c: Tensor, x: Tensor): Promise<void> {
    return operations.addGram(this.#gpu, c, x);
  }

  protected override computeAddScaled(a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
    return operations.addScaled(this.#gpu, a, alpha, b, beta);
  }

  protected override async computeCholesky(a: Tensor): Promise<Tensor> {
    const { l, inverses } = await factorInPlace(this.#gpu, this.device.clone(a));
    inverses.dispose();
    return l;
  }

  protected override computeSolveTriangular(l: Tensor, b: Tensor, transpose: boolean): Promise<Tensor> {
    return solveTriangular(this.#gpu, l, b, transpose);
  }

  protected override computeFactorCovariance(covariance: Tensor): Promise<CovarianceFactor> {
    return factorForSolves(this.#gpu, this.device.clone(covariance));
  }

  protected override computeSolveRegularized(
    covariance: Tensor,
    covarianceWeight: number,
    keys: Tensor,
    known: CovarianceFactor | null,
  ): Promise<RegularizedSolve> {
    return solveRegularized(this.#gpu, covariance, covarianceWeight, keys, known as GpuFactor | null);
  }

  protected override computeCrossEntropy(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor,
    shape: RowsShape,
  ): Promise<LossAndGradient> {
    return this.#loss('crossEntropy', [logits, targets, weights], shape);
  }

  protected override computeKlDivergence(
    logits: Tensor,
    reference: Tensor,
    weights: Tensor,
    shape: RowsShape,
  ): Promise<LossAndGradient> {
    return this.#loss('klDivergence', [logits, reference, weights], shape);
  }

  protected override computeLogSoftmax(logits: Tensor, { rows, width }: RowsShape): Promise<Tensor> {
    return runInto(this.#gpu, this.device.allocate([rows, width], 'float32', 'log softmax'), 'logSoftmax', (result) => [
      dispatch({ kernel: kernels.logSoftmax, values: { width }, tensors: [logits, result], workgroups: rows }),
    ]);
  }

  protected override computeGatherRows(
    source: Tensor,
    indices: Tensor,
    { width, count }: IndexedRowsShape,
  ): Promise<Tensor> {
    return runInto(this.#gpu, this.device.allocate([count, width], 'float32', 'rows'), 'gatherRows', (result) => [
      dispatch({
        kernel: kernels.gatherRows,
        values: { width, count, alpha: 1 },
        tensors: [source, indices, result],
        workgroups: kernels.workgroupsFor(count * width),
      }),
    ]);
  }

  protected override computeScatterAddRows(
    target: Tensor,
    indices: Tensor,
    rows: Tensor,
    alpha: number,
    { width, count }: IndexedRowsShape,
  ): Promise<void> {
    return this.#gpu.runner.run(
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

  protected override computeWriteColumns(
    target: Tensor,
    start: number,
    columns: Tensor,
    { targetWidth, width }: ColumnsShape,
  ): Promise<void> {
    return this.#gpu.runner.run(
      [
        dispatch({
          kernel: kernels.writeColumns,
          values: { size: columns.size, width, targetWidth, start },
          tensors: [columns, target],
          workgroups: kernels.workgroupsFor(columns.size),
        }),
      ],
      'writeColumns',
    );
  }

  protected override computeAdamStep(
    state: AdamState,
    gradient: Tensor,
    options: AdamStepOptions,
    { rows, width }: RowsShape,
  ): Promise<void> {
    const { beta1, beta2, epsilon } = ADAM;
    return this.#gpu.runner.run(
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
          workgroups: rows,
        }),
      ],
      'adamStep',
    );
  }

  protected override computeRowNorms(x: Tensor, { rows, width }: RowsShape): Promise<Tensor> {
    return runInto(this.#gpu, this.device.allocate([rows], 'float32', 'norms'), 'rowNorms', (result) => [
      dispatch({ kernel: kernels.rowNorms, values: { size: width }, tensors: [x, result], workgroups: rows }),
    ]);
  }

  async #loss(
    operation: 'crossEntropy' | 'klDivergence',
    operands: readonly Tensor[],
    { rows, width }: RowsShape,
  ): Promise<LossAndGradient> {
    const loss = this.device.allocate([rows], 'float32', 'loss');
    const gradient = this.device.allocate([rows, width], 'float32', 'gradient of logits');
    const step = dispatch({
      kernel: kernels[operation],
      values: { width },
      tensors: [...operands, loss, gradient],
      workgroups: rows,
    });
    try {
      await this.#gpu.runner.run([step], operation);
      return { loss, gradient };
    } catch (error) {
      loss.dispose();
      gradient.dispose();
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
