/** The whole comparison on one device, in Node or in a browser. */
import { WebGpuLinearAlgebra } from '../../src/engine/linalg/webgpu.ts';
import type { ShaderSource } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import type { TileTable } from '../../src/engine/linalg/webgpu/tiles.ts';
import { GpuDevice } from '../../src/engine/runtime/device.ts';
import { adapterInfo, isSoftware } from '../../src/engine/runtime/gpu.ts';
import type { OrtModule } from '../../src/engine/runtime/runtime.ts';
import { CASES } from './cases.ts';
import { jaxJs, onnxruntime, ours, tensorflow } from './contestants.ts';
import { type Experience, lineOf, measure, type Measurement } from './measure.ts';

export interface KernelBench {
  readonly adapter: string;
  readonly tiles: TileTable;
  readonly results: readonly Measurement[];
}

export interface KernelBenchOptions {
  /** Which cases; when absent, the full ones where there is a real GPU, small ones elsewhere. */
  readonly sizes?: keyof typeof CASES;
  /** Tune the tiles before; done on a real GPU when absent. */
  readonly tune?: boolean;
}

export async function benchKernels(
  gpu: GPUDevice,
  ort: OrtModule,
  shaders: ShaderSource,
  options: KernelBenchOptions,
  print: (line: string) => void,
): Promise<KernelBench> {
  const device = new GpuDevice(gpu);
  const info = adapterInfo(gpu);
  const software = isSoftware(info);
  const adapter = info.description || [info.vendor, info.architecture].filter(Boolean).join(' ');
  const linalg = await WebGpuLinearAlgebra.create(device, shaders);
  if (options.tune ?? !software) await linalg.tune();
  const { tiles } = linalg.productDevice;
  print(
    `${adapter}; tiles ${Object.entries(tiles)
      .map((entry) => entry.join(' '))
      .join(', ')}`,
  );
  const peers = [onnxruntime(ort, device), await jaxJs(), await tensorflow()];
  const contestants = [ours(linalg, device, shaders), ...peers.filter((peer) => peer !== null)];
  const results: Measurement[] = [];
  const experience: Experience = new Map();
  for (const work of CASES[options.sizes ?? (software ? 'small' : 'full')]) {
    const result = await measure(work, contestants, experience);
    if (Object.keys(result.milliseconds).length === 0 && Object.keys(result.failures).length === 0) continue;
    results.push(result);
    print(lineOf(result));
  }
  return { adapter, tiles, results };
}
