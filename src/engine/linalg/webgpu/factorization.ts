/** Cholesky factors on the GPU, with the inverses of their diagonal blocks, and the solves by them. */
import { NotPositiveDefiniteError } from '../../errors.ts';
import type { GpuDevice } from '../../runtime/device.ts';
import { scoped } from '../../runtime/scope.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import type { CovarianceFactor } from '../linear-algebra.ts';
import { choleskySteps } from './cholesky.ts';
import { type GpuContext, runInto } from './context.ts';
import { BLOCK, PANEL } from './kernels.ts';
import { matrixOf } from './matrix.ts';
import { inverseSides, inversionSteps, triangularSteps, wideningSteps } from './triangular.ts';

/** What the status of a factorisation holds as long as every pivot was good (−1 as an int32). */
const NO_BAD_PIVOT = -1;

/** L [n, n] of a matrix LLᵀ, and the inverses of its diagonal blocks, with which it is solved. */
export class GpuFactor implements CovarianceFactor {
  readonly l: Tensor;
  /** [⌈n / side⌉, side, side] */
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

/**
 * Factors A [n, n] in place and takes it over: it is L of the result, beside inverses as large as solves want them, or freed when
 * the matrix has no factor.
 * @throws NotPositiveDefiniteError
 */
export async function factorForSolves(gpu: GpuContext, a: Tensor): Promise<GpuFactor> {
  const { l, inverses } = await factorInPlace(gpu, a);
  try {
    return new GpuFactor(l, await widened(gpu, l, inverses));
  } catch (error) {
    l.dispose();
    throw error;
  }
}

/**
 * Factors A [n, n] in place and takes it over: it is L of the result, beside the inverses of blocks of 64, or freed when the
 * matrix has no factor.
 * @throws NotPositiveDefiniteError
 */
export function factorInPlace({ device, runner, products }: GpuContext, a: Tensor): Promise<GpuFactor> {
  return scoped(async (scope) => {
    scope.track(a);
    const [size] = a.dims;
    const inverses = scope.track(allocateInverses(device, size));
    const status = scope.track(device.upload(Int32Array.of(NO_BAD_PIVOT), [1], 'pivot status'));
    const panel = scope.track(device.allocate([size, PANEL], 'float32', 'Cholesky panel'));
    await runner.run(choleskySteps(products, matrixOf(a), { inverses, panel, status }), 'cholesky');
    const [pivot] = await device.read(status);
    if (pivot !== NO_BAD_PIVOT) throw new NotPositiveDefiniteError(pivot);
    return new GpuFactor(scope.release(a), scope.release(inverses));
  });
}

/** X with L·X = B, or Lᵀ·X = B when `transposed`, for L [n, n] without inverses and B [n, m], in a new tensor. */
export function solveTriangular(gpu: GpuContext, l: Tensor, b: Tensor, transposed: boolean): Promise<Tensor> {
  return scoped(async (scope) => {
    const blocks = await runInto(gpu, allocateInverses(gpu.device, l.dims[0]), 'inverse diagonal blocks', (result) =>
      inversionSteps(gpu.products, matrixOf(l), result),
    );
    const inverses = scope.track(await widened(gpu, l, blocks));
    return substitute(gpu, { l, inverses }, scope.track(gpu.device.clone(b)), transposed);
  });
}

/** X with L·Lᵀ·X = B for B [n, m], in a new tensor. */
export function solveWithFactor(gpu: GpuContext, factor: GpuFactor, b: Tensor): Promise<Tensor> {
  return scoped(async (scope) => {
    const half = scope.track(await substitute(gpu, factor, scope.track(gpu.device.clone(b)), false));
    return substitute(gpu, factor, half, true);
  });
}

/** X with L·X = B (forward substitution) or Lᵀ·X = B (backward), in a new tensor; B is overwritten. */
function substitute(
  gpu: GpuContext,
  { l, inverses }: Pick<GpuFactor, 'l' | 'inverses'>,
  b: Tensor,
  transposed: boolean,
): Promise<Tensor> {
  const system = { l: matrixOf(l), inverses, from: matrixOf(b), transpose: transposed };
  return runInto(gpu, gpu.device.allocate(b.dims, 'float32', 'solution'), 'triangular solve', (result) =>
    triangularSteps(gpu.products, { ...system, to: matrixOf(result) }),
  );
}

function allocateInverses(device: GpuDevice, size: number): Tensor {
  return device.allocate([Math.ceil(size / BLOCK), BLOCK, BLOCK], 'float32', 'inverse diagonal blocks');
}

/** The inverses of diagonal blocks of L as large as a solve wants them; takes over those it is given. */
async function widened({ device, runner, products }: GpuContext, l: Tensor, inverses: Tensor): Promise<Tensor> {
  return scoped(async (scope) => {
    let narrow = scope.track(inverses);
    for (const side of inverseSides(l.dims[0]).slice(1)) {
      const count = Math.ceil(l.dims[0] / side);
      const wide = scope.track(device.allocate([count, side, side], 'float32', 'inverse diagonal blocks'));
      const between = scope.track(device.allocate([count, side / 2, side / 2], 'float32', 'products of blocks'));
      await runner.run(wideningSteps(products, matrixOf(l), { narrow, wide, between }), 'widen');
      scope.drop(between);
      scope.drop(narrow);
      narrow = wide;
    }
    return scope.release(narrow);
  });
}
