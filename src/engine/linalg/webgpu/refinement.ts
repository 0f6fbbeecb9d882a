/**
 * The arithmetic of iterative refinement: a solution that holds more bits than float32, and its residual. On the GPU both are
 * pairs of floats; where the GPU does not keep that arithmetic, both are doubles on the CPU.
 */
import { readFloats, type GpuDevice } from '../../runtime/device.ts';
import type { TensorScope } from '../../runtime/scope.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import { regularizedResidual, transposed } from '../dense.ts';
import type { GpuContext } from './context.ts';
import { type Dispatch, dispatch, type KernelRunner } from './kernel-runner.ts';
import * as kernels from './kernels.ts';
import { block, matrixOf, rowSlabs, sliceOf } from './matrix.ts';

/** Refines A with (λC + KKᵀ)·A = K, one key a column: K, corrections and residuals are [size, count]. */
export interface Refinement {
  /** Adds a correction to the solution, which is 0 at first. */
  add(correction: Tensor): Promise<void>;
  /** K − (λC + KKᵀ)A, rounded to float32 at the end only; overwritten by the next call. */
  residual(): Promise<Tensor>;
  /** Takes the last correction back. */
  takeBack(): void;
  /** The float32 nearest to the solution, one right-hand side a row: [count, size]; the caller disposes it. */
  rounded(): Promise<Tensor>;
}

export interface System {
  /** C, [size, size]. */
  readonly covariance: Tensor;
  /** λ. */
  readonly covarianceWeight: number;
  /** One key a row: [count, size]. */
  readonly keys: Tensor;
  /** One key a column, K: [size, count]. */
  readonly columns: Tensor;
}

/** On the GPU where that keeps two-float arithmetic, else on the CPU. What it allocates belongs to the scope. */
export async function openRefinement(gpu: GpuContext, scope: TensorScope, system: System): Promise<Refinement> {
  return gpu.twoFloat ? new TwoFloatRefinement(gpu, scope, system) : DoubleRefinement.open(gpu.device, scope, system);
}

/** With the kernels of shaders/residual.wgsl. What it allocates belongs to the scope. */
class TwoFloatRefinement implements Refinement {
  readonly #device: GpuDevice;
  readonly #runner: KernelRunner;
  readonly #scope: TensorScope;
  readonly #system: System;
  /** What one binding may hold of C. */
  readonly #bindingBytes: number;
  readonly #products: Tensor;
  readonly #residual: Tensor;
  /** Pairs (high, low): [size, count, 2]. */
  #solution: Tensor;
  #previous: Tensor | null = null;

  constructor({ device, runner, products }: GpuContext, scope: TensorScope, system: System) {
    const [size, count] = system.columns.dims;
    this.#device = device;
    this.#runner = runner;
    this.#scope = scope;
    this.#system = system;
    this.#bindingBytes = products.bindingBytes;
    this.#products = scope.track(device.allocate([count, count, 2], 'float32', 'KᵀA'));
    this.#residual = scope.track(device.allocate([size, count], 'float32', 'residual'));
    this.#solution = scope.track(device.zeros([size, count, 2], 'float32', 'solution'));
  }

  async add(correction: Tensor): Promise<void> {
    const [size, count] = correction.dims;
    if (this.#previous) this.#scope.drop(this.#previous);
    this.#previous = null;
    const sum = this.#scope.track(this.#device.allocate([size, count, 2], 'float32', 'solution'));
    await this.#runner.run(
      [
        dispatch({
          kernel: kernels.addCorrection,
          values: { zero: 0, size, count },
          tensors: [this.#solution, correction, sum],
          workgroups: kernels.workgroupsFor(size * count),
        }),
      ],
      'refinement',
    );
    this.#previous = this.#solution;
    this.#solution = sum;
  }

  async residual(): Promise<Tensor> {
    await this.#runner.run(this.#residualSteps(), 'residual');
    return this.#residual;
  }

  takeBack(): void {
    if (!this.#previous) return;
    this.#scope.drop(this.#solution);
    this.#solution = this.#previous;
    this.#previous = null;
  }

  async rounded(): Promise<Tensor> {
    const [size, count] = this.#system.columns.dims;
    const result = this.#device.allocate([count, size], 'float32', 'solution');
    try {
      await this.#runner.run(
        [
          dispatch({
            kernel: kernels.roundRows,
            values: { zero: 0, size, count },
            tensors: [this.#solution, result],
            workgroups: kernels.workgroupsFor(size * count),
          }),
        ],
        'solution',
      );
      return result;
    } catch (error) {
      result.dispose();
      throw error;
    }
  }

  #residualSteps(): Dispatch[] {
    const { covariance, covarianceWeight, columns } = this.#system;
    const [size, count] = columns.dims;
    const outputs = (rows: number): number =>
      Math.ceil(rows / kernels.RESIDUAL_TILE) * Math.ceil(count / kernels.RESIDUAL_TILE);
    const values = { zero: 0, size, count };
    return [
      dispatch({
        kernel: kernels.innerProducts,
        values,
        tensors: [columns, this.#solution, this.#products],
        workgroups: outputs(count),
      }),
      ...rowSlabs(this.#bindingBytes, matrixOf(covariance), 0).map(({ from, rows }) =>
        dispatch({
          kernel: kernels.residual,
          values: { ...values, covarianceWeight, first: from, rows },
          tensors: [
            columns,
            this.#solution,
            this.#products,
            sliceOf(block(matrixOf(covariance), from, 0, rows, size)),
            this.#residual,
          ],
          workgroups: outputs(rows),
        }),
      ),
    ];
  }
}

/** In double precision on the CPU: slower, and as exact as the CPU's own solve. What it uploads belongs to the scope. */
class DoubleRefinement implements Refinement {
  readonly #device: GpuDevice;
  readonly #scope: TensorScope;
  readonly #covariance: Float32Array;
  readonly #covarianceWeight: number;
  readonly #size: number;
  readonly #count: number;
  /** One key a row. */
  readonly #keys: Float64Array;
  /** One right-hand side a row. */
  #solution: Float64Array;
  #previous: Float64Array | null = null;
  #residual: Tensor | null = null;

  private constructor(
    device: GpuDevice,
    scope: TensorScope,
    { covarianceWeight, keys }: System,
    values: { covariance: Float32Array; keys: Float32Array },
  ) {
    [this.#count, this.#size] = keys.dims;
    this.#device = device;
    this.#scope = scope;
    this.#covariance = values.covariance;
    this.#covarianceWeight = covarianceWeight;
    this.#keys = Float64Array.from(values.keys);
    this.#solution = new Float64Array(values.keys.length);
  }

  static async open(device: GpuDevice, scope: TensorScope, system: System): Promise<DoubleRefinement> {
    const covariance = await readFloats(device, system.covariance);
    return new DoubleRefinement(device, scope, system, { covariance, keys: await readFloats(device, system.keys) });
  }

  async add(correction: Tensor): Promise<void> {
    const rows = transposed(await readFloats(this.#device, correction), this.#size, this.#count);
    this.#previous = this.#solution;
    this.#solution = rows.map((value, i) => value + this.#solution[i]);
  }

  async residual(): Promise<Tensor> {
    const [size, count] = [this.#size, this.#count];
    const values = await regularizedResidual(
      this.#covariance,
      this.#covarianceWeight,
      this.#keys,
      this.#solution,
      { count, size },
      {},
    );
    if (this.#residual) this.#scope.drop(this.#residual);
    const rounded = Float32Array.from(transposed(values, count, size));
    this.#residual = this.#scope.track(this.#device.upload(rounded, [size, count], 'residual'));
    return this.#residual;
  }

  takeBack(): void {
    this.#solution = this.#previous ?? this.#solution;
    this.#previous = null;
  }

  rounded(): Promise<Tensor> {
    const solution = Float32Array.from(this.#solution);
    return Promise.resolve(this.#device.upload(solution, [this.#count, this.#size], 'solution'));
  }
}
