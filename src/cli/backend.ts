/** What runs the model in Node: onnxruntime-node where it is installed, onnxruntime-web's WebAssembly build, or its WebGPU build on Dawn. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DeviceError } from '../engine/errors.ts';
import { CpuLinearAlgebra } from '../engine/linalg/cpu.ts';
import { CpuDevice, GpuDevice } from '../engine/runtime/device.ts';
import { Runtime, type OrtModule } from '../engine/runtime/runtime.ts';
import type { Backend } from '../engine/session/backend.ts';
import { messageOf } from '../engine/text.ts';

export const BACKENDS = ['auto', 'native', 'wasm', 'webgpu'] as const;
/** 'auto': native where it is installed, else WebAssembly. */
export type BackendName = (typeof BACKENDS)[number];

export interface NodeBackend extends Backend {
  /** What is computed otherwise than usual here, in one sentence, or null. */
  readonly note: string | null;
  dispose(): Promise<void>;
}

export function startNodeBackend(name: BackendName): Promise<NodeBackend> {
  switch (name) {
    case 'webgpu':
      return startWebGpu();
    case 'native':
      return startNative();
    case 'wasm':
      return startWasm();
    case 'auto':
      return startNative().catch((error: unknown) => {
        if (error instanceof DeviceError) return startWasm();
        throw error;
      });
  }
}

/** Not among the dependencies: it is 290 MB, of which one platform uses a sixth. */
const NATIVE_PACKAGE = 'onnxruntime-node';

/** @throws DeviceError where onnxruntime-node is not installed or cannot be loaded */
export async function startNative(): Promise<NodeBackend> {
  let ort: OrtModule;
  try {
    ort = (await import(NATIVE_PACKAGE)) as OrtModule;
  } catch (cause) {
    throw new DeviceError(`The native runtime cannot be used: ${messageOf(cause)}`, {
      cause,
      next: 'Install it with “npm install --no-save onnxruntime-node@1.30.0”, or take --backend wasm.',
    });
  }
  const device = new CpuDevice();
  const threads = availableParallelism();
  return {
    runtime: new Runtime(ort, device, true),
    linalg: new CpuLinearAlgebra(device),
    name: `native CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    note: null,
    dispose: () => Promise.resolve(),
  };
}

/** @param threads all cores when absent; tests that count on determinism pass 1 */
export async function startWasm(threads = availableParallelism()): Promise<NodeBackend> {
  const ort: OrtModule = await import('onnxruntime-web');
  ort.env.wasm.numThreads = threads;
  const device = new CpuDevice();
  return {
    runtime: new Runtime(ort, device),
    linalg: new CpuLinearAlgebra(device),
    name: `WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    note: null,
    dispose: () => Promise.resolve(),
  };
}

async function startWebGpu(): Promise<NodeBackend> {
  const { createDawnDevice } = await import('./dawn.ts');
  const { WebGpuLinearAlgebra } = await import('../engine/linalg/webgpu.ts');
  const { TuningFile } = await import('./tunings.ts');
  const gpu = await createDawnDevice();
  const ort = await importWebGpuOrt();
  const device = new GpuDevice(gpu);
  const { vendor, architecture, description } = gpu.adapterInfo;
  const linalg = await WebGpuLinearAlgebra.createTuned(device, readShader, new TuningFile());
  return {
    runtime: new Runtime(ort, device),
    linalg,
    name: `WebGPU, ${description || [vendor, architecture].filter(Boolean).join(' ')}`,
    note: linalg.note,
    dispose: () => {
      gpu.destroy();
      return Promise.resolve();
    },
  };
}

/** onnxruntime-web's WebGPU build: the package offers Node only its WebAssembly build, beside which this one lies. */
export async function importWebGpuOrt(): Promise<OrtModule> {
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
  const ort = (await import(pathToFileURL(join(folder, 'ort.webgpu.bundle.min.mjs')).href)) as OrtModule;
  ort.env.wasm.numThreads = 1;
  return ort;
}

const SHADERS = fileURLToPath(new URL('../../shaders/', import.meta.url));

/** The text of a kernel family's source file. */
export function readShader(file: string): Promise<string> {
  return readFile(join(SHADERS, file), 'utf8');
}
