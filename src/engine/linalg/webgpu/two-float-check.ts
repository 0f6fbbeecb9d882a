/**
 * Whether this GPU keeps two-float arithmetic. WGSL allows a compiler to reassociate, to fuse and to choose how it rounds; each
 * would turn the error terms of shaders/residual.wgsl into something else. So the primitives and the kernel that is built
 * of them are run once on numbers whose exact results are known.
 */
import { readFloats, type GpuDevice } from '../../runtime/device.ts';
import { scoped } from '../../runtime/scope.ts';
import { dispatch, type KernelRunner } from './kernel-runner.ts';
import * as kernels from './kernels.ts';

/** Of the exact value; float32 alone is 2⁻²⁴ away. */
const PRODUCT_ERROR = 2 ** -34;
/** What is left of a float once its upper 12 bits are taken away. */
const LOWER_HALF = 2 ** -12;

/** Sums and products of these are exact in double precision: their exponents are less than 29 apart. */
const OPERANDS = [
  [1, 2 ** -28],
  [2 ** 24, 1],
  [-(2 ** 24), 3],
  [0.1, 0.2],
  [1 / 3, -1 / 3 + 2 ** -26],
  [Math.PI, -Math.E],
  [1 + 2 ** -23, 1 + 2 ** -23],
  [2 - 2 ** -23, 2 - 2 ** -23],
  [-(1 + 2 ** -12), 1 - 2 ** -12],
  [1e6 + 0.0625, -999_999.9375],
  [12_345.678, 0.000_987_654_3],
  [-7.77e-5, 4.2e3],
].map(([a, b]) => [Math.fround(a), Math.fround(b)] as const);

/** Rows and columns of the inner products: more than one tile deep. */
const DEPTH = 40;
const COLUMNS = 2;

/** @throws DeviceError when the kernels do not compile */
export async function keepsTwoFloatArithmetic(device: GpuDevice, runner: KernelRunner): Promise<boolean> {
  return (await keepsPrimitives(device, runner)) && (await keepsInnerProducts(device, runner));
}

async function keepsPrimitives(device: GpuDevice, runner: KernelRunner): Promise<boolean> {
  const size = OPERANDS.length;
  const results = await scoped(async (scope) => {
    const pairs = scope.track(device.upload(Float32Array.from(OPERANDS.flat()), [size, 2], 'operands'));
    const checked = scope.track(device.allocate([size, 6], 'float32', 'checked'));
    const work = dispatch({
      kernel: kernels.checkPrimitives,
      values: { zero: 0, size, count: 1 },
      tensors: [pairs, checked],
      workgroups: 1,
    });
    await runner.run([work], 'two-float check');
    return readFloats(device, checked);
  });
  return OPERANDS.every(([a, b], i) => {
    const [sum, error, high, low, product, tail] = results.subarray(6 * i, 6 * i + 6);
    return (
      sum === Math.fround(a + b) &&
      error === a + b - sum &&
      high + low === a &&
      Math.abs(low) <= LOWER_HALF * Math.abs(a) &&
      Math.abs(product + tail - a * b) <= PRODUCT_ERROR * Math.abs(a * b)
    );
  });
}

async function keepsInnerProducts(device: GpuDevice, runner: KernelRunner): Promise<boolean> {
  const entries = DEPTH * COLUMNS;
  const left = Float32Array.from({ length: entries }, (_, i) => 1000 * Math.sin(i + 1));
  const right = Float32Array.from({ length: 2 * entries }, (_, i) =>
    i % 2 === 0 ? Math.cos(i) : 2 ** -26 * Math.cos(i - 1),
  );
  const found = await scoped(async (scope) => {
    const products = scope.track(device.allocate([COLUMNS, COLUMNS, 2], 'float32', 'products'));
    const work = dispatch({
      kernel: kernels.innerProducts,
      values: { zero: 0, size: DEPTH, count: COLUMNS },
      tensors: [
        scope.track(device.upload(left, [DEPTH, COLUMNS], 'left')),
        scope.track(device.upload(right, [DEPTH, COLUMNS, 2], 'right')),
        products,
      ],
      workgroups: 1,
    });
    await runner.run([work], 'two-float check');
    return readFloats(device, products);
  });
  for (let row = 0; row < COLUMNS; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1) {
      let exact = 0;
      let magnitude = 0;
      for (let depth = 0; depth < DEPTH; depth += 1) {
        const at = depth * COLUMNS + column;
        const product = left[depth * COLUMNS + row] * (right[2 * at] + right[2 * at + 1]);
        exact += product;
        magnitude += Math.abs(product);
      }
      const at = 2 * (row * COLUMNS + column);
      // NaN fails too.
      if (!(Math.abs(found[at] + found[at + 1] - exact) <= PRODUCT_ERROR * magnitude)) return false;
    }
  }
  return true;
}
