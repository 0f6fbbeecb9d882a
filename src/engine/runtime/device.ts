/**
 * Where tensors live and who frees them. `CpuDevice` keeps them in JavaScript memory (the WASM backend);
 * `GpuDevice` keeps them in buffers of the one GPUDevice that onnxruntime-web shares.
 */
import { DeviceError } from '../errors.ts';
import { BufferPool } from './buffer-pool.ts';
import { ELEMENT_BYTES, sizeOf, Tensor, typeOf, type TensorData, type TensorType } from './tensor.ts';

export interface Device {
  readonly kind: 'cpu' | 'gpu';
  /** Whether graphs may read float16 here, and weights of 16 bits stay so. */
  readonly halves: boolean;
  /** Bytes of the largest tensor that a graph may read. */
  readonly largestBinding: number;
  /** A tensor on this device with a copy of `data`. */
  upload(data: TensorData, dims: readonly number[], label?: string): Tensor;
  /** A tensor of zeros on this device. */
  zeros(dims: readonly number[], type?: TensorType, label?: string): Tensor;
  /** A copy of the values, wherever the tensor is. */
  read(tensor: Tensor): Promise<TensorData>;
  /** A copy of `tensor` on this device. */
  clone(tensor: Tensor): Tensor;
  /** The values of float32 tensors one after the other, which differ in their first axis only. */
  concat(tensors: readonly Tensor[]): Tensor;
  /** GPU buffers made by this device and not yet released; always 0 on the CPU. */
  readonly liveBuffers: number;
}

/** A copy of the values of a float32 tensor. */
export async function readFloats(device: Device, tensor: Tensor): Promise<Float32Array> {
  const values = await device.read(tensor);
  if (values instanceof Float32Array) return values;
  throw new DeviceError(`This tensor holds ${tensor.type} values, not float32.`);
}

/** Of a tensor that the runtime copies into its memory, which has 4 GiB at most. */
const CPU_BINDING = 2 ** 31;

export class CpuDevice implements Device {
  readonly kind = 'cpu';
  readonly liveBuffers = 0;
  readonly halves: boolean;
  readonly largestBinding: number;

  /**
   * @param options.halves half the memory for weights of 16 bits, which every run converts anew: slower where float32 fits
   * @param options.largestBinding what its memory allows when absent
   */
  constructor({ halves = false, largestBinding = CPU_BINDING }: { halves?: boolean; largestBinding?: number } = {}) {
    this.halves = halves;
    this.largestBinding = largestBinding;
  }

  upload(data: TensorData, dims: readonly number[]): Tensor {
    return Tensor.fromData(data.slice(), dims);
  }

  zeros(dims: readonly number[], type: TensorType = 'float32'): Tensor {
    return Tensor.zeros(dims, type);
  }

  read(tensor: Tensor): Promise<TensorData> {
    return Promise.resolve(tensor.data.slice());
  }

  clone(tensor: Tensor): Tensor {
    return Tensor.fromData(tensor.data.slice(), tensor.dims);
  }

  concat(tensors: readonly Tensor[]): Tensor {
    const dims = concatDims(tensors);
    const values = new Float32Array(sizeOf(dims));
    let at = 0;
    for (const tensor of tensors) {
      values.set(tensor.floats, at);
      at += tensor.size;
    }
    return Tensor.fromData(values, dims);
  }
}

function concatDims(tensors: readonly Tensor[]): number[] {
  const [, ...rest] = tensors[0].dims;
  const other = tensors.find((tensor) => tensor.type !== 'float32' || tensor.dims.slice(1).join() !== rest.join());
  if (other)
    throw new DeviceError(`A ${other.type} tensor of shape [${other.dims.join(', ')}] does not fit the others.`);
  return [tensors.reduce((sum, { dims }) => sum + dims[0], 0), ...rest];
}

const STORAGE_USAGE = 0x80 | 0x4 | 0x8; // GPUBufferUsage.STORAGE | COPY_SRC | COPY_DST; the global is absent in Node
const READ_USAGE = 0x1 | 0x8; // MAP_READ | COPY_DST
const MAP_MODE_READ = 0x1;

/** Bytes that a copy between buffers takes: whole words, at least one. */
function wholeWords({ byteLength }: Tensor): number {
  return Math.max(4, Math.ceil(byteLength / 4) * 4);
}

function paddedHalves(data: TensorData): TensorData {
  const padded = new Uint16Array(data.length + 1);
  padded.set(data);
  return padded;
}

/** Smaller buffers are not what memory runs out of. */
const WATCHED_BYTES = 2 ** 20;

function outOfMemory(bytes: number, label: string): DeviceError {
  const megabytes = Math.ceil(bytes / 2 ** 20).toLocaleString('en');
  return new DeviceError(`The GPU has no ${megabytes} MiB left for “${label}”.`, {
    next: 'Use fewer edits at a time, fewer layers or a smaller model, close other pages that use the GPU, or open this page with ?backend=wasm.',
  });
}

export class GpuDevice implements Device {
  readonly kind = 'gpu';
  readonly gpu: GPUDevice;
  readonly halves: boolean;
  readonly largestBinding: number;
  readonly #pool = new BufferPool();
  #live = 0;
  /** What the device says of buffers that were asked for; all of it is known when this resolves. */
  #verdicts: Promise<unknown> = Promise.resolve();
  #failure: DeviceError | null = null;

  /** @param largestBinding what the device's limits allow when absent */
  constructor(
    gpu: GPUDevice,
    largestBinding = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize),
  ) {
    this.gpu = gpu;
    this.halves = gpu.features.has('shader-f16');
    this.largestBinding = largestBinding;
    gpu.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??= new DeviceError(`The GPU could not do what it was asked: ${error.message}`, {
        next: 'Try again; if it happens again, open the page with ?backend=wasm.',
      });
    });
  }

  /**
   * What went wrong since this was last asked, and nobody was waiting for: memory that was not to be had, work of onnxruntime's that was refused. WebGPU goes
   * on after both, with buffers that hold nothing.
   */
  async failure(): Promise<DeviceError | null> {
    await this.#verdicts;
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  get liveBuffers(): number {
    return this.#live;
  }

  /** Takes over a buffer made elsewhere (onnxruntime's outputs) and counts it until it is released. */
  adopt(dims: readonly number[], type: TensorType, buffer: GPUBuffer, release: () => void): Tensor {
    return this.#counted(dims, type, buffer, release);
  }

  /** A new tensor whose content is whatever the memory held. */
  allocate(dims: readonly number[], type: TensorType = 'float32', label = 'tensor'): Tensor {
    const bytes = this.#bytesOf(dims, type);
    return this.#pooled(dims, type, this.#pool.take(bytes) ?? this.#create(bytes, label));
  }

  upload(data: TensorData, dims: readonly number[], label?: string): Tensor {
    const tensor = this.allocate(dims, typeOf(data), label);
    // Dawn in Node refuses views of shared memory, and WebGPU writes whole words.
    const unshared = data.buffer instanceof ArrayBuffer ? data : data.slice();
    const whole = data.byteLength % 4 === 0 ? unshared : paddedHalves(unshared);
    this.gpu.queue.writeBuffer(tensor.buffer, 0, whole as Float32Array<ArrayBuffer>);
    return tensor;
  }

  zeros(dims: readonly number[], type: TensorType = 'float32', label = 'zeros'): Tensor {
    const bytes = this.#bytesOf(dims, type);
    const used = this.#pool.take(bytes);
    if (used) {
      const encoder = this.gpu.createCommandEncoder({ label });
      encoder.clearBuffer(used);
      this.gpu.queue.submit([encoder.finish()]);
    }
    // WebGPU makes buffers of zeros.
    return this.#pooled(dims, type, used ?? this.#create(bytes, label));
  }

  /** @throws DeviceError also for what went wrong before (see {@link failure}): what is read may come of it */
  async read(tensor: Tensor): Promise<TensorData> {
    if (tensor.location === 'cpu') return tensor.data.slice();
    const bytes = wholeWords(tensor);
    const staging = this.gpu.createBuffer({ size: bytes, usage: READ_USAGE, label: 'read-back' });
    try {
      const encoder = this.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(tensor.buffer, 0, staging, 0, bytes);
      this.gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(MAP_MODE_READ);
      const failure = await this.failure();
      if (failure) throw failure;
      const copy = staging.getMappedRange().slice(0, tensor.byteLength);
      if (tensor.type === 'float16') return new Uint16Array(copy);
      return tensor.type === 'float32' ? new Float32Array(copy) : new Int32Array(copy);
    } finally {
      staging.destroy();
    }
  }

  clone(tensor: Tensor): Tensor {
    const copy = this.allocate(tensor.dims, tensor.type, 'clone');
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(tensor.buffer, 0, copy.buffer, 0, wholeWords(tensor));
    this.gpu.queue.submit([encoder.finish()]);
    return copy;
  }

  concat(tensors: readonly Tensor[]): Tensor {
    const joined = this.allocate(concatDims(tensors), 'float32', 'concat');
    const encoder = this.gpu.createCommandEncoder();
    let at = 0;
    for (const tensor of tensors) {
      if (tensor.size > 0) encoder.copyBufferToBuffer(tensor.buffer, 0, joined.buffer, at * 4, tensor.size * 4);
      at += tensor.size;
    }
    this.gpu.queue.submit([encoder.finish()]);
    return joined;
  }

  /** @throws DeviceError when the device makes no buffer so large */
  #bytesOf(dims: readonly number[], type: TensorType): number {
    const bytes = Math.max(16, Math.ceil((sizeOf(dims) * ELEMENT_BYTES[type]) / 16) * 16);
    if (bytes <= this.gpu.limits.maxBufferSize) return bytes;
    throw new DeviceError(
      `A buffer of ${bytes} bytes is larger than this GPU allows (${this.gpu.limits.maxBufferSize}).`,
      { next: 'Use fewer edits at a time, a smaller model, or the WASM backend.' },
    );
  }

  #create(size: number, label: string): GPUBuffer {
    if (size < WATCHED_BYTES) return this.gpu.createBuffer({ size, usage: STORAGE_USAGE, label });
    this.gpu.pushErrorScope('out-of-memory');
    const buffer = this.gpu.createBuffer({ size, usage: STORAGE_USAGE, label });
    const verdict = this.gpu.popErrorScope().then(
      (error) => {
        if (error) this.#failure = outOfMemory(size, label);
      },
      // The device is lost, which is told of elsewhere.
      () => undefined,
    );
    this.#verdicts = Promise.all([this.#verdicts, verdict]);
    return buffer;
  }

  #pooled(dims: readonly number[], type: TensorType, buffer: GPUBuffer): Tensor {
    return this.#counted(dims, type, buffer, () => this.#pool.give(buffer));
  }

  #counted(dims: readonly number[], type: TensorType, buffer: GPUBuffer, release: () => void): Tensor {
    this.#live += 1;
    return Tensor.fromBuffer(type, dims, buffer, () => {
      release();
      this.#live -= 1;
      // The model is closed: its memory is for the next one.
      if (this.#live === 0) this.#pool.clear();
    });
  }
}
