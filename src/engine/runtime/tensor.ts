/**
 * The one tensor type of the engine: dense, row-major, on the CPU or in a GPU buffer; float32 or int32, and float16 for weights that only
 * graphs read.
 * Whoever creates a tensor disposes it; `reshaped` borrows and never frees. A disposed tensor refuses to be read.
 */
import { DeviceError } from '../errors.ts';

export type TensorType = 'float32' | 'int32' | 'float16';
/** Values of float16 are their bits. */
export type TensorData = Float32Array | Int32Array | Uint16Array;

/** Bytes an element. */
export const ELEMENT_BYTES: Readonly<Record<TensorType, number>> = { float32: 4, int32: 4, float16: 2 };

type Storage =
  | { readonly location: 'cpu'; readonly data: TensorData }
  | { readonly location: 'gpu'; readonly buffer: GPUBuffer; readonly release: () => void };

export class Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly size: number;
  readonly #storage: Storage;
  readonly #owner: Tensor | null;
  #disposed = false;

  private constructor(type: TensorType, dims: readonly number[], storage: Storage, owner: Tensor | null) {
    this.type = type;
    this.dims = dims;
    this.size = sizeOf(dims);
    this.#storage = storage;
    this.#owner = owner;
  }

  /** A CPU tensor over `data` (not copied). */
  static fromData(data: TensorData, dims: readonly number[]): Tensor {
    if (data.length !== sizeOf(dims)) {
      throw new DeviceError(`A tensor of shape [${dims.join(', ')}] cannot hold ${data.length} values.`);
    }
    return new Tensor(typeOf(data), dims, { location: 'cpu', data }, null);
  }

  /** A CPU tensor of zeros. */
  static zeros(dims: readonly number[], type: TensorType = 'float32'): Tensor {
    return Tensor.fromData(emptyData(type, sizeOf(dims)), dims);
  }

  /** A GPU tensor over `buffer`, which holds at least the tensor's bytes; `release` gives the buffer back. */
  static fromBuffer(type: TensorType, dims: readonly number[], buffer: GPUBuffer, release: () => void): Tensor {
    return new Tensor(type, dims, { location: 'gpu', buffer, release }, null);
  }

  /** Bytes of its elements. */
  get byteLength(): number {
    return this.size * ELEMENT_BYTES[this.type];
  }

  get location(): 'cpu' | 'gpu' {
    return this.#storage.location;
  }

  get disposed(): boolean {
    return this.#owner ? this.#owner.disposed : this.#disposed;
  }

  /** The values of a CPU tensor (the tensor's own memory, not a copy). */
  get data(): TensorData {
    this.#assertLive();
    if (this.#storage.location !== 'cpu') throw new DeviceError('This tensor is on the GPU; read it with Device.read.');
    return this.#storage.data;
  }

  /** The values of a float32 CPU tensor. */
  get floats(): Float32Array {
    const data = this.data;
    if (!(data instanceof Float32Array)) throw new DeviceError(`This tensor holds ${this.type} values, not float32.`);
    return data;
  }

  /** The buffer of a GPU tensor. */
  get buffer(): GPUBuffer {
    this.#assertLive();
    if (this.#storage.location !== 'gpu') throw new DeviceError('This tensor is on the CPU; upload it first.');
    return this.#storage.buffer;
  }

  /** The same memory under another shape. The result borrows: disposing it does nothing. */
  reshaped(dims: readonly number[]): Tensor {
    if (sizeOf(dims) !== this.size) {
      throw new DeviceError(`A tensor of shape [${this.dims.join(', ')}] cannot be seen as [${dims.join(', ')}].`);
    }
    return new Tensor(this.type, dims, this.#storage, this.#owner ?? this);
  }

  /** Gives the memory and its ownership to a tensor of another shape; this one is disposed. */
  intoShape(dims: readonly number[]): Tensor {
    this.#assertLive();
    if (this.#owner) throw new DeviceError('A borrowed tensor cannot give its memory away.');
    if (sizeOf(dims) !== this.size) {
      throw new DeviceError(`A tensor of shape [${this.dims.join(', ')}] cannot become [${dims.join(', ')}].`);
    }
    this.#disposed = true;
    return new Tensor(this.type, dims, this.#storage, null);
  }

  dispose(): void {
    if (this.#owner || this.#disposed) return;
    this.#disposed = true;
    if (this.#storage.location === 'gpu') this.#storage.release();
  }

  #assertLive(): void {
    if (this.disposed) throw new DeviceError('This tensor has been disposed.');
  }
}

export function typeOf(data: TensorData): TensorType {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Int32Array ? 'int32' : 'float16';
}

function emptyData(type: TensorType, size: number): TensorData {
  if (type === 'float32') return new Float32Array(size);
  return type === 'int32' ? new Int32Array(size) : new Uint16Array(size);
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
