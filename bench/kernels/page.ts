/** The comparison in a browser: bench/kernels.ts opens this page and calls `benchInPage`. */
import * as ort from 'onnxruntime-web/webgpu';
import { requestGpu } from '../../src/engine/runtime/gpu.ts';
import { shaderSource } from '../../src/worker/shaders.ts';
import { wasmPaths } from '../../src/worker/ort-assets.ts';
import { benchKernels, type KernelBench, type KernelBenchOptions } from './run.ts';

declare global {
  interface Window {
    benchInPage?: (options: KernelBenchOptions) => Promise<KernelBench>;
  }
}

window.benchInPage = async (options) => {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU finds no graphics adapter here.');
  ort.env.wasm.wasmPaths = wasmPaths('webgpu');
  ort.env.wasm.numThreads = 1;
  return benchKernels(await requestGpu(adapter), ort, shaderSource, options, (line) => console.log(line));
};
