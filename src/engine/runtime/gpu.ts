/** A GPUDevice with everything its adapter really offers: large buffers for weights, large workgroups for kernels. */
import { DeviceError } from '../errors.ts';

/** Limits the engine makes use of, and why. */
const WANTED_LIMITS = [
  'maxBufferSize', // embeddings and covariances of large models
  'maxStorageBufferBindingSize', // the same, bound to a kernel
  'maxStorageBuffersPerShaderStage', // fused graphs of onnxruntime
  'maxComputeWorkgroupStorageSize', // larger matmul and Cholesky tiles
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** Optional features that onnxruntime and our kernels use where they exist. */
const WANTED_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** @throws DeviceError when the adapter gives no device */
export async function requestGpu(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(
    WANTED_LIMITS.flatMap((name) => {
      const limit = adapter.limits[name] as number | undefined;
      return limit === undefined ? [] : [[name, limit]];
    }),
  );
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures, label: 'memit' });
  } catch (cause) {
    throw new DeviceError('The graphics adapter gives no device.', {
      cause,
      next: 'Close other pages that use the GPU, or open this page with ?backend=wasm.',
    });
  }
}

/** What is known of the adapter behind a device; browsers whose devices do not say it yet leave everything open. */
export function adapterInfo(gpu: GPUDevice): GPUAdapterInfo {
  const info = gpu.adapterInfo as GPUAdapterInfo | undefined;
  return {
    __brand: 'GPUAdapterInfo',
    vendor: info?.vendor ?? '',
    architecture: info?.architecture ?? '',
    device: info?.device ?? '',
    description: info?.description ?? '',
    subgroupMinSize: info?.subgroupMinSize ?? 4,
    subgroupMaxSize: info?.subgroupMaxSize ?? 128,
    isFallbackAdapter: info?.isFallbackAdapter ?? false,
  };
}

/** Whether an adapter's driver runs on the CPU. */
export function isSoftware({ isFallbackAdapter, architecture, description }: GPUAdapterInfo): boolean {
  return isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${architecture} ${description}`);
}
