/**
 * Second moments that the reference implementation computed (rome/layer_stats.py): a NumPy archive a layer, with the sum Σ k kᵀ under
 * `mom2.mom2` and the number of tokens under `mom2.count`, called `<module>_<precision>_mom2_<samples>.npz`. Which model they are of only
 * their names and sizes tell.
 */
import { EngineError } from '../errors.ts';
import type { Device } from '../runtime/device.ts';
import type { ByteSource } from '../weights/byte-source.ts';
import { readNpy, type NpyStream } from './npy.ts';
import { firstNegative } from './statistics-file.ts';
import type { SecondMoment, SecondMomentOptions } from './second-moment.ts';
import type { StatisticsSource } from './statistics-source.ts';
import { readEntry, readZip, type ZipEntry } from './zip.ts';

const FILE_NAME = /^(?<module>.+?)_float(?:16|32|64)_[a-z\d-]*mom2[a-z\d-]*(?:_.+)?\.npz$/;

/** Whether a file is called as the reference calls its statistics. */
export function isReferenceStatistics(fileName: string): boolean {
  return FILE_NAME.test(fileName);
}

/**
 * The layer whose MLP output projection a file's name gives; null when it is none of them.
 * @param tensors names of the projections' weights, by layer; they and the file's name may differ in what comes before the layer
 */
export function layerOf(fileName: string, tensors: readonly string[]): number | null {
  const module = FILE_NAME.exec(fileName)?.groups?.module;
  if (module === undefined) return null;
  const layer = tensors.findIndex((tensor) => {
    const own = tensor.replace(/\.weight$/, '');
    return own === module || module.endsWith(`.${own}`) || own.endsWith(`.${module}`);
  });
  return layer === -1 ? null : layer;
}

export class ReferenceStatistics implements StatisticsSource {
  readonly #device: Device;
  readonly #files: ReadonlyMap<number, ByteSource>;
  readonly #size: number;

  /**
   * @param files by layer
   * @param size F
   */
  constructor(device: Device, files: ReadonlyMap<number, ByteSource>, size: number) {
    this.#device = device;
    this.#files = files;
    this.#size = size;
  }

  async find(layers: readonly number[], { signal }: SecondMomentOptions): Promise<Map<number, SecondMoment>> {
    const found = new Map<number, SecondMoment>();
    for (const layer of layers) {
      const file = this.#files.get(layer);
      if (!file) continue;
      const { values, tokens } = await readReferenceStatistics(file, this.#size, signal);
      const matrix = this.#device.upload(values, [this.#size, this.#size], `covariance ${layer}`);
      found.set(layer, { matrix, tokens, complete: true });
    }
    return found;
  }
}

/**
 * C = mom2 / count, [F · F] row-major; besides it no more than a few megabytes of the file are in memory.
 * @param size F
 * @throws EngineError ('statistics') when the file is damaged, no such archive, or of other sizes; DownloadError, CancelledError
 */
export async function readReferenceStatistics(
  file: ByteSource,
  size: number,
  signal?: AbortSignal,
): Promise<{ readonly values: Float32Array<ArrayBuffer>; readonly tokens: number }> {
  const entries = await readZip(file, signal);
  const open = (key: string): Promise<NpyStream> => {
    const entry = entries.find(({ name }): boolean => name === `${key}.npy`);
    if (!entry) throw refused(file, `it holds no “${key}”`);
    return openArray(file, entry, signal);
  };
  const tokens = await readCount(await open('mom2.count'), file);
  const array = await open('mom2.mom2');
  const { shape } = array.header;
  if (shape.join() !== `${size},${size}`) {
    throw refused(file, `its matrix is ${shape.join(' × ')}, and the keys of this model’s layers have ${size} numbers`);
  }
  const values = new Float32Array(size * size);
  let at = 0;
  for await (const some of array.values()) {
    for (const value of some) {
      values[at] = value / tokens;
      if (!Number.isFinite(values[at])) throw refused(file, 'it holds numbers that are not finite');
      at += 1;
    }
  }
  if (firstNegative(values, size) >= 0)
    throw refused(file, 'its diagonal holds a negative number, which no mean of squares is');
  return { values, tokens };
}

function openArray(file: ByteSource, entry: ZipEntry, signal?: AbortSignal): Promise<NpyStream> {
  return readNpy(readEntry(file, entry, signal), `“${entry.name}” in “${file.name}”`);
}

async function readCount(array: NpyStream, file: ByteSource): Promise<number> {
  const numbers: number[] = [];
  if (array.header.shape.length === 0) {
    for await (const some of array.values()) for (const number of some) numbers.push(number);
  }
  const [count] = numbers;
  if (!(count > 0)) throw refused(file, 'its number of tokens (“mom2.count”) is not one number above 0');
  return count;
}

function refused({ name }: ByteSource, what: string): EngineError {
  return new EngineError('statistics', `“${name}” cannot be used: ${what}.`, {
    kept: 'Nothing was changed.',
    next: 'Use statistics that the reference implementation computed for this model.',
  });
}
