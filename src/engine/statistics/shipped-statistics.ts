/** Second moments from the file that came with the model. */
import type { Device } from '../runtime/device.ts';
import type { SecondMoment } from './second-moment.ts';
import type { StatisticsFile } from './statistics-file.ts';
import type { StatisticsSource } from './statistics-source.ts';

export class ShippedStatistics implements StatisticsSource {
  readonly #device: Device;
  readonly #file: StatisticsFile;
  readonly #size: number;

  /** @param size F */
  constructor(device: Device, file: StatisticsFile, size: number) {
    this.#device = device;
    this.#file = file;
    this.#size = size;
  }

  find(layers: readonly number[]): Promise<ReadonlyMap<number, SecondMoment>> {
    return Promise.resolve(uploadMoments(this.#device, this.#file, layers, this.#size));
  }
}

/** Those of `layers` that a file has, as matrices [F, F] on the device. */
export function uploadMoments(
  device: Device,
  file: StatisticsFile,
  layers: readonly number[],
  size: number,
): Map<number, SecondMoment> {
  const found = new Map<number, SecondMoment>();
  for (const layer of layers) {
    const values = file.layers.get(layer);
    if (!values) continue;
    const matrix = device.upload(values, [size, size], `covariance ${layer}`);
    found.set(layer, { matrix, tokens: file.tokens, complete: file.complete });
  }
  return found;
}
