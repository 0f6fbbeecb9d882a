/**
 * WebGPU in Node, through Dawn: the machine's own GPU where there is one, else the software Vulkan driver that Chromium
 * brings along, which is slow but runs every kernel.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { create, globals } from 'webgpu';
import { DeviceError } from '../engine/errors.ts';
import { requestGpu } from '../engine/runtime/gpu.ts';

const ICD_VARIABLE = 'VK_ICD_FILENAMES';
const ICD_NAME = 'vk_swiftshader_icd.json';
const VULKAN_LOADER = 'libvulkan.so.1';
const SYSTEM_CHROMIUM_FOLDERS = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
/** Keeps a library in memory although Node, which finds no add-on in it, closes it again (RTLD_NODELETE of dlfcn.h). */
const STAY_LOADED = 0x1000;

/** Dawn's binding crashes when its instance is collected while devices of it live, so they are kept to the end. */
const instances: GPU[] = [];

/**
 * A device with all that its adapter offers; the caller destroys it, or the process does not end.
 * @param settings Dawn's own, such as `enable-dawn-features=…`
 * @throws DeviceError when there is neither a GPU nor a software driver
 */
export async function createDawnDevice(settings: readonly string[] = []): Promise<GPUDevice> {
  if (instances.length === 0) {
    Object.assign(globalThis, globals);
    acceptSharedMemory();
  }
  await ensureVulkanLoader();
  const adapter = (await requestAdapter(settings)) ?? (await requestSoftwareAdapter(settings));
  if (!adapter) {
    throw new DeviceError('There is neither a graphics adapter nor a software Vulkan driver on this machine.', {
      next: `Install Chromium, which brings one, or point ${ICD_VARIABLE} at a driver's manifest.`,
    });
  }
  return requestGpu(adapter);
}

/**
 * onnxruntime-web writes from its WebAssembly memory, which is shared between threads; Dawn refuses views of such memory.
 * Dawn makes a new queue object at every access, so the method is changed for all of them.
 */
function acceptSharedMemory(): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its queue below
  const write = GPUQueue.prototype.writeBuffer;
  GPUQueue.prototype.writeBuffer = function (
    this: GPUQueue,
    buffer,
    offset,
    data: GPUAllowSharedBufferSource,
    ...range
  ) {
    const shared = data instanceof Uint8Array && !(data.buffer instanceof ArrayBuffer);
    write.call(this, buffer, offset, shared ? data.slice() : data, ...range);
  };
}

function requestAdapter(settings: readonly string[]): Promise<GPUAdapter | null> {
  const instance = create([...settings]);
  instances.push(instance);
  // Where onnxruntime-web looks for WebGPU. Node 20 has no navigator, later ones have one without a GPU.
  const host = globalThis as { navigator?: Navigator };
  host.navigator ??= {} as Navigator;
  Object.defineProperty(host.navigator, 'gpu', { value: instance, configurable: true });
  return instance.requestAdapter({ powerPreference: 'high-performance' });
}

async function requestSoftwareAdapter(settings: readonly string[]): Promise<GPUAdapter | null> {
  const manifest = await findSoftwareIcd();
  if (manifest === null) return null;
  // The Vulkan loader reads this each time an instance is made; Dawn makes a new one.
  process.env[ICD_VARIABLE] = manifest;
  return requestAdapter(settings);
}

/**
 * The manifest of a software Vulkan driver: what `VK_ICD_FILENAMES` says, else the one in a system Chromium's folder,
 * else the one beside Playwright's Chromium. Null when there is none.
 */
export async function findSoftwareIcd(): Promise<string | null> {
  const chosen = process.env[ICD_VARIABLE]?.split(delimiter)[0];
  if (chosen) return chosen;
  const folders = [...SYSTEM_CHROMIUM_FOLDERS];
  try {
    // A development dependency: an installation without it has only the system's Chromium.
    const { chromium } = await import('@playwright/test');
    folders.push(dirname(chromium.executablePath()));
  } catch {
    // Playwright is not installed.
  }
  return folders.map((folder) => join(folder, ICD_NAME)).find((path) => existsSync(path)) ?? null;
}

/**
 * Dawn asks for the Vulkan loader by name, which a machine without Vulkan lacks; Chromium has a copy beside its driver. Once
 * that is in memory, the name resolves to it.
 */
async function ensureVulkanLoader(): Promise<void> {
  if (process.platform !== 'linux' || isLoadable(VULKAN_LOADER)) return;
  const manifest = await findSoftwareIcd();
  if (manifest !== null) isLoadable(join(dirname(manifest), VULKAN_LOADER));
}

/** Loads a library for good and says whether it is there. */
function isLoadable(library: string): boolean {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | STAY_LOADED);
    return true;
  } catch (error) {
    // Node always complains, if only that the library is no add-on; it stays loaded all the same.
    return !String(error).includes('cannot open shared object file');
  }
}
