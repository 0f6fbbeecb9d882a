/** Second moments that were computed before, as files in a store of the host's: IndexedDB in the browser, a folder in Node. */
import { EngineError } from '../errors.ts';
import { readFloats, type Device } from '../runtime/device.ts';
import { sha256Text, type ModelIdentity } from '../weights/model-hash.ts';
import type { SecondMoment } from './second-moment.ts';
import { uploadMoments } from './shipped-statistics.ts';
import { readStatistics, writeStatistics } from './statistics-file.ts';
import type { StatisticsSource } from './statistics-source.ts';

export interface StatisticsStore {
  read(key: string): Promise<Uint8Array | null>;
  write(key: string, bytes: Uint8Array): Promise<void>;
}

export class StoredStatistics implements StatisticsSource {
  readonly #device: Device;
  readonly #store: StatisticsStore;
  readonly #identity: ModelIdentity;
  readonly #text: string;
  /** Made at the first question: opening a model asks none. */
  #textHash: Promise<string> | null = null;
  readonly #size: number;

  /**
   * @param text that they are over; those of another text are left aside
   * @param size F
   */
  constructor(device: Device, store: StatisticsStore, identity: ModelIdentity, text: string, size: number) {
    this.#device = device;
    this.#store = store;
    this.#identity = identity;
    this.#text = text;
    this.#size = size;
  }

  async find(layers: readonly number[]): Promise<ReadonlyMap<number, SecondMoment>> {
    const found = new Map<number, SecondMoment>();
    for (const layer of layers) {
      const bytes = await this.#store.read(await this.#key(layer));
      if (!bytes) continue;
      try {
        const file = await readStatistics(bytes, this.#identity, this.#size);
        for (const [at, moment] of uploadMoments(this.#device, file, [layer], this.#size)) found.set(at, moment);
      } catch (error) {
        // A damaged copy costs a computation, not the run: the text is at hand, and the new copy replaces it.
        if (!(error instanceof EngineError)) throw error;
      }
    }
    return found;
  }

  async keep(layer: number, { matrix, tokens, complete }: SecondMoment): Promise<void> {
    const values = await readFloats(this.#device, matrix);
    const file = {
      modelHash: this.#identity.hash,
      textHash: await this.#hashOfText(),
      tokens,
      complete,
      layers: new Map([[layer, values]]),
    };
    await this.#store.write(await this.#key(layer), await writeStatistics(file, this.#size));
  }

  async #key(layer: number): Promise<string> {
    const model = this.#identity.hash.replace(/^sha256:/, '').slice(0, 16);
    return `${model}-${(await this.#hashOfText()).slice(0, 16)}-layer-${layer}`;
  }

  #hashOfText(): Promise<string> {
    this.#textHash ??= sha256Text(this.#text);
    return this.#textHash;
  }
}
