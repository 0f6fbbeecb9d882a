/** Picks and starts what runs the model in this browser: the GPU where there is a real one, else WebAssembly. */
import type { BackendChoice, BackendReport } from './api.ts';
import { DeviceError } from '../engine/errors.ts';
import { CpuLinearAlgebra } from '../engine/linalg/cpu.ts';
import type { TuningStore } from '../engine/linalg/webgpu/tuning.ts';
import { CpuDevice, GpuDevice } from '../engine/runtime/device.ts';
import { isSoftware, requestGpu } from '../engine/runtime/gpu.ts';
import { Runtime, type OrtModule } from '../engine/runtime/runtime.ts';
import type { Backend } from '../engine/session/backend.ts';
import { wasmPaths } from './ort-assets.ts';
import { shaderSource } from './shaders.ts';

/** More threads than this do not help models of the sizes that WebAssembly can hold. */
const MAX_THREADS = 8;

export interface BrowserBackend extends Backend {
  readonly report: BackendReport;
  /** Resolves when the GPU was lost; never on WebAssembly. */
  readonly lost: Promise<string>;
}

/** @throws DeviceError when WebGPU was asked for and is not to be had */
export async function startBackend(choice: BackendChoice, tunings: TuningStore): Promise<BrowserBackend> {
  if (choice === 'wasm') return startWasm('Asked for in the address (?backend=wasm).');
  const found = await findGpu();
  if (typeof found === 'string') {
    if (choice === 'webgpu') {
      throw new DeviceError(`WebGPU was asked for, but ${found}.`, { next: 'Open the page without ?backend=webgpu.' });
    }
    return startWasm(`WebAssembly, because ${found}.`);
  }
  if (choice === 'auto' && found.software) {
    return startWasm('WebAssembly, because this browser has only a software GPU, which is slower.');
  }
  const reason = choice === 'webgpu' ? 'Asked for in the address (?backend=webgpu).' : 'This GPU runs the model.';
  return startWebGpu(found, reason, tunings);
}

interface FoundGpu {
  adapter: GPUAdapter;
  name: string;
  software: boolean;
}

/** The adapter, or why there is none, as the end of a sentence. */
async function findGpu(): Promise<FoundGpu | string> {
  // Absent in browsers without WebGPU and in insecure contexts, whatever the type says.
  const gpu = navigator.gpu as GPU | undefined;
  if (!gpu) return 'this browser has no WebGPU';
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return 'WebGPU finds no graphics adapter here';
  const { vendor, architecture, description } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(' ') || 'GPU';
  return { adapter, name, software: isSoftware(adapter.info) };
}

async function startWebGpu({ adapter, name }: FoundGpu, reason: string, tunings: TuningStore): Promise<BrowserBackend> {
  const gpu = await requestGpu(adapter);
  const ort: OrtModule = await import('onnxruntime-web/webgpu');
  const { WebGpuLinearAlgebra } = await import('../engine/linalg/webgpu.ts');
  ort.env.wasm.wasmPaths = wasmPaths('webgpu');
  // The graphs run on the GPU; WebAssembly only orders them.
  ort.env.wasm.numThreads = 1;
  const device = new GpuDevice(gpu);
  const linalg = await WebGpuLinearAlgebra.createTuned(device, shaderSource, tunings);
  return {
    runtime: new Runtime(ort, device),
    linalg,
    name,
    report: { kind: 'webgpu', name, reason: linalg.note ? `${reason} ${linalg.note}` : reason, threads: 1 },
    lost: gpu.lost.then(({ message }) => message || 'The GPU was lost.'),
  };
}

async function startWasm(reason: string): Promise<BrowserBackend> {
  const ort: OrtModule = await import('onnxruntime-web/wasm');
  const threads = crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1;
  ort.env.wasm.wasmPaths = wasmPaths('wasm');
  ort.env.wasm.numThreads = threads;
  const device = new CpuDevice();
  const name = `WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return {
    runtime: new Runtime(ort, device),
    linalg: new CpuLinearAlgebra(device),
    name,
    report: { kind: 'wasm', name, reason, threads },
    lost: new Promise(() => undefined),
  };
}
