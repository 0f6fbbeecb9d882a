/** A model's tensors by name, over all the safetensors files they lie in; a model in one file is the case of one shard. */
import { SafetensorsError } from '../errors.ts';
import { exactHalves } from './dtype.ts';
import { tensorBytes, tensorFloats, type SafetensorsFile, type TensorEntry } from './safetensors.ts';

export interface IndexedTensor extends TensorEntry {
  /** The file whose bytes `start` to `end` are the tensor's. */
  readonly shard: SafetensorsFile;
}

export class TensorIndex {
  readonly shards: readonly SafetensorsFile[];
  /** In the order of the shards, and in each in the order of its data. */
  readonly tensors: readonly IndexedTensor[];
  /** Bytes of all shards, headers included. */
  readonly size: number;
  readonly #byName: ReadonlyMap<string, IndexedTensor>;

  private constructor(shards: readonly SafetensorsFile[], byName: ReadonlyMap<string, IndexedTensor>) {
    this.shards = shards;
    this.tensors = [...byName.values()];
    this.size = shards.reduce((bytes, { source }) => bytes + source.size, 0);
    this.#byName = byName;
  }

  /** @throws SafetensorsError when two shards hold a tensor of one name */
  static of(shards: readonly SafetensorsFile[]): TensorIndex {
    const byName = new Map<string, IndexedTensor>();
    for (const shard of shards) {
      for (const entry of shard.tensors) {
        const { name } = entry;
        const other = byName.get(name);
        if (other) {
          const files = `“${other.shard.source.name}” and “${shard.source.name}”`;
          throw new SafetensorsError(`Tensor “${name}” lies in two files, ${files}.`, name, {
            next: 'Use the files of one model.',
          });
        }
        byName.set(name, { ...entry, shard });
      }
    }
    return new TensorIndex(shards, byName);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get(name: string): IndexedTensor | undefined {
    return this.#byName.get(name);
  }

  /** @throws SafetensorsError when there is no such tensor */
  entry(name: string): IndexedTensor {
    const entry = this.#byName.get(name);
    if (entry) return entry;
    const { shards } = this;
    const where =
      shards.length === 1 ? `“${shards[0].source.name}” has no` : `None of the ${shards.length} files has a`;
    throw new SafetensorsError(`${where} tensor called “${name}”.`, name);
  }

  /**
   * The tensor's bytes as they are in its file, in chunks of whole elements.
   * @throws SafetensorsError when there is no such tensor; while reading, DownloadError, CancelledError
   */
  bytes(name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const entry = this.entry(name);
    return tensorBytes(entry.shard, entry, signal);
  }

  /**
   * The tensor's values as float32, row-major; the peak of memory is the result and one chunk.
   * @throws SafetensorsError when there is no such tensor or its dtype is not F32, F16 or BF16; DownloadError, CancelledError
   */
  async floats(name: string, signal?: AbortSignal): Promise<Float32Array> {
    const entry = this.entry(name);
    return tensorFloats(entry.shard, entry, signal);
  }

  /**
   * The bits of the tensor's values as halves; null where they are not of 16 bits, or one of them is no half.
   * @throws SafetensorsError when there is no such tensor; DownloadError, CancelledError
   */
  async halves(name: string, signal?: AbortSignal): Promise<Uint16Array | null> {
    const { dtype, shape } = this.entry(name);
    if (dtype !== 'F16' && dtype !== 'BF16') return null;
    const values = new Uint16Array(shape.reduce((product, dim) => product * dim, 1));
    let at = 0;
    for await (const bytes of this.bytes(name, signal)) {
      const halves = exactHalves(bytes, dtype);
      if (!halves) return null;
      values.set(halves, at);
      at += halves.length;
    }
    return values;
  }
}
