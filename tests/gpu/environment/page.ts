/** The tests' GPU in Chromium, which is started with workgroup memory that is not cleared (vitest.config.ts). */
import { requestGpu } from '../../../src/engine/runtime/gpu.ts';

export { shaderSource } from '../../../src/worker/shaders.ts';

export async function createDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('This Chromium has no WebGPU adapter.');
  return requestGpu(adapter);
}
