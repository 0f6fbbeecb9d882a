import { describe, expect, it } from 'vitest';
import { CpuLinearAlgebra } from '../../../src/engine/linalg/cpu.ts';
import { CpuDevice } from '../../../src/engine/runtime/device.ts';
import { testLinearAlgebra } from './suite.ts';

describe('CpuLinearAlgebra', () => {
  testLinearAlgebra(
    () => Promise.resolve({ linalg: new CpuLinearAlgebra(new CpuDevice()), close: () => undefined }),
    // What rounding the result to float32 costs; at a condition number of 1e7 float64 itself is good to about 1e-9.
    { direct: 1e-7, solve: 1e-6, update: 1e-5 },
  );

  it('refuses an index out of range, which the GPU cannot see', async () => {
    const device = new CpuDevice();
    const linalg = new CpuLinearAlgebra(device);
    const source = device.upload(Float32Array.of(1, 2, 3, 4), [2, 2]);
    for (const index of [-1, 2]) {
      const indices = device.upload(Int32Array.of(0, index), [2]);
      await expect(linalg.gatherRows(source, indices)).rejects.toThrow(`index ${index} is not in 0..1`);
      await expect(linalg.scatterAddRows(device.clone(source), indices, source)).rejects.toThrow('is not in 0..1');
      await expect(linalg.crossEntropy(source, indices, device.upload(Float32Array.of(1, 1), [2]))).rejects.toThrow(
        'crossEntropy',
      );
    }
  });
});
