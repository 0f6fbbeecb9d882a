/** The operations that the solves are made of as well: products, sums, transposes and norms of whole tensors, whose shapes are known to fit. */
import { readFloats } from '../../runtime/device.ts';
import { scoped } from '../../runtime/scope.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import type { MatmulOptions } from '../linear-algebra.ts';
import { type GpuContext, runInto } from './context.ts';
import { ALIGNMENT, dispatch } from './kernel-runner.ts';
import * as kernels from './kernels.ts';
import { matrixOf } from './matrix.ts';
import { piecesOf, piecewiseProductSteps, type Product, productSteps } from './products.ts';

/** Partial sums of a norm, added up on the CPU in double precision. */
const MAX_PARTIAL_SUMS = 1024;

/** alpha · op(A) · op(B) as a new tensor, or added to one. */
export async function matmul(gpu: GpuContext, a: Tensor, b: Tensor, options: MatmulOptions = {}): Promise<Tensor> {
  const { accumulateInto, ...rest } = options;
  const m = a.dims[rest.transposeA ? 1 : 0];
  const n = b.dims[rest.transposeB ? 0 : 1];
  const result = accumulateInto ?? gpu.device.allocate([m, n], 'float32', 'matmul');
  try {
    await multiply(gpu, {
      ...rest,
      a: matrixOf(a),
      b: matrixOf(b),
      c: matrixOf(result),
      accumulate: accumulateInto !== undefined,
    });
    return result;
  } catch (error) {
    if (!accumulateInto) result.dispose();
    throw error;
  }
}

/** The product, cut into pieces along k where it would otherwise leave most of the GPU idle. */
async function multiply({ device, runner, products }: GpuContext, product: Product): Promise<void> {
  const { pieces, length } = piecesOf(products, product);
  if (pieces === 1) {
    await runner.run(productSteps(products, product), 'matmul');
    return;
  }
  await scoped(async (scope) => {
    const { rows, columns } = product.c;
    const partial = scope.track(device.allocate([pieces, rows, columns], 'float32', 'partial products'));
    await runner.run(piecewiseProductSteps(products, product, partial, length), 'matmul');
  });
}

/** C ← C + XᵀX in place. */
export async function addGram({ runner, products }: GpuContext, c: Tensor, x: Tensor): Promise<void> {
  const rows = matrixOf(x);
  await runner.run(
    productSteps(products, {
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

/** alpha·A + beta·B as a new tensor. */
export function addScaled(gpu: GpuContext, a: Tensor, alpha: number, b: Tensor, beta: number): Promise<Tensor> {
  return runInto(gpu, gpu.device.allocate(a.dims, 'float32', 'sum'), 'addScaled', (result) =>
    bindableRanges(gpu, a.size).map(({ offset, length }) =>
      dispatch({
        kernel: kernels.addScaled,
        values: { size: length, columns: length, alpha, beta },
        tensors: [a, b, result].map((tensor) => ({ tensor, offset, length })),
        workgroups: kernels.workgroupsFor(length),
      }),
    ),
  );
}

/** Xᵀ as a new tensor: [rows, columns] → [columns, rows]. */
export function transpose(gpu: GpuContext, x: Tensor): Promise<Tensor> {
  const [rows, columns] = x.dims;
  return runInto(gpu, gpu.device.allocate([columns, rows], 'float32', 'transpose'), 'transpose', (result) => [
    dispatch({
      kernel: kernels.transpose,
      values: { size: x.size, columns, alpha: 1, beta: 0 },
      tensors: [x, result],
      workgroups: kernels.workgroupsFor(x.size),
    }),
  ]);
}

/** Frobenius norm. */
export async function norm(gpu: GpuContext, x: Tensor): Promise<number> {
  if (x.size === 0) return 0;
  return scoped(async (scope) => {
    const ranges = bindableRanges(gpu, x.size).map((range) => ({
      ...range,
      workgroups: Math.min(kernels.workgroupsFor(range.length), MAX_PARTIAL_SUMS),
    }));
    const slots = Math.ceil(ranges[0].workgroups / ALIGNMENT) * ALIGNMENT;
    const sums = scope.track(gpu.device.zeros([ranges.length, slots], 'float32', 'partial sums'));
    const steps = ranges.map(({ offset, length, workgroups }, i) =>
      dispatch({
        kernel: kernels.sumOfSquares,
        values: { size: length },
        tensors: [
          { tensor: x, offset, length },
          { tensor: sums, offset: i * slots, length: workgroups },
        ],
        workgroups,
      }),
    );
    await gpu.runner.run(steps, 'norm');
    const squares = await readFloats(gpu.device, sums);
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  });
}

/** The elements of a tensor in as few ranges as bindings allow. */
function bindableRanges({ products }: GpuContext, size: number): { offset: number; length: number }[] {
  const most = Math.floor(products.bindingBytes / 4 / ALIGNMENT) * ALIGNMENT;
  return Array.from({ length: Math.ceil(size / most) }, (_, i) => ({
    offset: i * most,
    length: Math.min(most, size - i * most),
  }));
}
