/** A WebGPU device for the tests of the kernels, on which a kernel that leaves something unwritten is found out. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { WebGpuLinearAlgebra, type WebGpuOptions } from '../../src/engine/linalg/webgpu.ts';
import type { ShaderSource } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import { GpuDevice } from '../../src/engine/runtime/device.ts';
import { TensorScope } from '../../src/engine/runtime/scope.ts';
import type { Tensor, TensorType } from '../../src/engine/runtime/tensor.ts';

/** Fills new memory with NaN, where WebGPU often has zeros: what is not written then shows in the result. */
export class PoisonedDevice extends GpuDevice {
  override allocate(dims: readonly number[], type: TensorType = 'float32', label?: string): Tensor {
    const tensor = super.allocate(dims, type, label);
    this.gpu.queue.writeBuffer(tensor.buffer, 0, new Float32Array(tensor.buffer.size / 4).fill(NaN));
    return tensor;
  }
}

export interface GpuBench {
  readonly device: PoisonedDevice;
  readonly linalg: WebGpuLinearAlgebra;
  /** Gives the device back, so that the process can end. @throws Error with whatever nobody caught on the device */
  close(): void;
}

/** What differs between the places where these tests run. */
interface Environment {
  /** With workgroup memory that is not cleared: what a kernel reads before it wrote it then shows. */
  createDevice(): Promise<GPUDevice>;
  readonly shaderSource: ShaderSource;
}

const environment: Environment =
  typeof document === 'undefined' ? await import('./environment/node.ts') : await import('./environment/page.ts');

/** The text of a file of shaders/, by its name. */
export const { shaderSource } = environment;

export async function openGpu(options?: WebGpuOptions): Promise<GpuBench> {
  const gpu = await environment.createDevice();
  const uncaught: string[] = [];
  gpu.addEventListener('uncapturederror', ({ error }) => uncaught.push(error.message));
  const device = new PoisonedDevice(gpu);
  return {
    device,
    linalg: await WebGpuLinearAlgebra.create(device, shaderSource, options),
    close: () => {
      gpu.destroy();
      if (uncaught.length > 0) throw new Error(uncaught.join('\n'));
    },
  };
}

export interface GpuSuite {
  readonly device: PoisonedDevice;
  readonly linalg: WebGpuLinearAlgebra;
  /** Disposes the tensor after the test. */
  track(tensor: Tensor): Tensor;
}

/** One device for the tests of a file; after each test no buffer may be left on it. */
export function gpuSuite(): GpuSuite {
  let bench: GpuBench;
  let scope = new TensorScope();
  beforeAll(async () => {
    bench = await openGpu();
  });
  afterEach(() => {
    scope.dispose();
    scope = new TensorScope();
    expect(bench.device.liveBuffers).toBe(0);
  });
  afterAll(() => bench.close());
  return {
    get device() {
      return bench.device;
    },
    get linalg() {
      return bench.linalg;
    },
    track: (tensor) => scope.track(tensor),
  };
}
