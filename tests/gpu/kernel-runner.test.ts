/** What the kernel runner answers for: compilation, refusals, counting over two dimensions. */
import { describe, expect, it } from 'vitest';
import { readShader } from '../../src/cli/backend.ts';
import { DeviceError } from '../../src/engine/errors.ts';
import { dispatch, KernelRunner } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import * as kernels from '../../src/engine/linalg/webgpu/kernels.ts';
import { WebGpuLinearAlgebra } from '../../src/engine/linalg/webgpu.ts';
import { readFloats } from '../../src/engine/runtime/device.ts';
import type { Tensor } from '../../src/engine/runtime/tensor.ts';
import { gpuSuite } from './suite.ts';

const suite = gpuSuite();

function addition(kernel: typeof kernels.addScaled, inputs: number, size: number): ReturnType<typeof dispatch> {
  const tensors = Array.from({ length: inputs + 1 }, (_, i) =>
    suite.track(suite.device.upload(pattern(size, i + 1), [size])),
  );
  return dispatch({
    kernel,
    values: { size, columns: size, alpha: 1, beta: 1 },
    tensors,
    workgroups: Math.ceil(size / kernels.THREADS),
  });
}

/** Values that differ from place to place and from seed to seed, and are quick to make. */
function pattern(size: number, seed: number): Float32Array {
  const values = new Float32Array(size);
  for (let i = 0; i < size; i += 1) values[i] = ((i * (6 + seed)) % 1021) - 510.25;
  return values;
}

describe('KernelRunner', () => {
  it('reports a shader that does not compile with the place and the source', async () => {
    const source = 'const SIX = 6u;\n@compute @workgroup_size(1) fn add_scaled() { let x: f32 = SIX; }';
    const runner = new KernelRunner(suite.device, () => source);
    const error: unknown = await runner.prepare(kernels.addScaled).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as DeviceError).message).toMatch(/elementwise\.wgsl:2:\d+: .*u32/);
    expect((error as DeviceError).message).toContain('   1 const SIX = 6u;');
  });

  it('reports an entry point that is missing', async () => {
    const runner = new KernelRunner(suite.device, readShader);
    const absent = { ...kernels.addScaled, entryPoint: 'absent' };
    await expect(runner.prepare(absent)).rejects.toThrow(/elementwise\.wgsl\/absent .* could not be prepared/);
  });

  it('compiles a file and a pipeline once', async () => {
    const asked: string[] = [];
    const runner = new KernelRunner(suite.device, (file) => {
      asked.push(file);
      return readShader(file);
    });
    const { gpu } = suite.device;
    const labels: string[] = [];
    const create = gpu.createComputePipelineAsync.bind(gpu);
    gpu.createComputePipelineAsync = (descriptor) => {
      labels.push(descriptor.label ?? '');
      return create(descriptor);
    };
    try {
      const step = addition(kernels.addScaled, 2, 8);
      await runner.run([step, step], 'twice');
      await runner.run([step], 'again');
    } finally {
      gpu.createComputePipelineAsync = create;
    }
    expect(asked).toEqual(['elementwise.wgsl']);
    expect(labels).toEqual(['elementwise.wgsl/add_scaled {}']);
  });

  it('reports work that the device refuses, and goes on', async () => {
    const runner = new KernelRunner(suite.device, readShader);
    await expect(runner.run([addition(kernels.addScaled, 1, 8)], 'one operand short')).rejects.toThrow(
      /The GPU refused “one operand short”: .*add_scaled/s,
    );
    const step = addition(kernels.addScaled, 2, 8);
    await runner.run([step], 'complete');
    const [a, b, sum] = await Promise.all(step.tensors.map((tensor) => readFloats(suite.device, tensor as Tensor)));
    expect(sum).toEqual(a.map((value, i) => value + b[i]));
  });

  it('counts workgroups over two dimensions where one does not hold them', async () => {
    const runner = new KernelRunner(suite.device, readShader);
    const size = (suite.device.gpu.limits.maxComputeWorkgroupsPerDimension + 2) * kernels.THREADS - 5;
    const step = addition(kernels.addScaled, 2, size);
    await runner.run([step], 'large');
    const [a, b, sum] = await Promise.all(step.tensors.map((tensor) => readFloats(suite.device, tensor as Tensor)));
    const wrong = sum.findIndex((value, i) => value !== Math.fround(a[i] + b[i]));
    expect(wrong).toBe(-1);
  });
});

describe('WebGpuLinearAlgebra', () => {
  it('frees what it made when a kernel fails, and nothing of the caller’s', async () => {
    const broken = ['matmul.wgsl', 'skinny.wgsl', 'cholesky.wgsl', 'loss.wgsl'];
    const linalg = await WebGpuLinearAlgebra.create(suite.device, (file) =>
      broken.includes(file) ? 'not a shader' : readShader(file),
    );
    const a = suite.track(suite.device.upload(pattern(9, 1), [3, 3]));
    const c = suite.track(suite.device.upload(pattern(9, 2), [3, 3]));
    const before = suite.device.liveBuffers;
    await expect(linalg.matmul(a, a)).rejects.toThrow(DeviceError);
    await expect(linalg.matmul(a, a, { accumulateInto: c })).rejects.toThrow(DeviceError);
    await expect(linalg.cholesky(a)).rejects.toThrow(DeviceError);
    await expect(linalg.klDivergence(a, c, suite.track(suite.device.zeros([3])))).rejects.toThrow(DeviceError);
    expect(suite.device.liveBuffers).toBe(before + 1);
    expect(await readFloats(suite.device, c)).toEqual(pattern(9, 2));
  });
});
