/** What every operation on the GPU is computed with. */
import type { GpuDevice } from '../../runtime/device.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import type { Dispatch, KernelRunner } from './kernel-runner.ts';
import type { ProductDevice } from './products.ts';

export interface GpuContext {
  readonly device: GpuDevice;
  readonly runner: KernelRunner;
  readonly products: ProductDevice;
  /** Whether this GPU keeps two-float arithmetic (two-float-check.ts). */
  readonly twoFloat: boolean;
}

/**
 * Runs what fills `result` and hands it on; frees it when that fails.
 * @throws DeviceError as {@link KernelRunner.run} does
 */
export async function runInto(
  { runner }: GpuContext,
  result: Tensor,
  label: string,
  describe: (result: Tensor) => Dispatch[],
): Promise<Tensor> {
  try {
    await runner.run(describe(result), label);
    return result;
  } catch (error) {
    result.dispose();
    throw error;
  }
}
