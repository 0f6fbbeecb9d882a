/**
 * The covariances a run needs, from the nearest place that has them: memory, the file that came with the model, the host's
 * store, and last the text itself.
 */
import { EngineError, NotPositiveDefiniteError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { CovarianceFactor } from '../linalg/linear-algebra.ts';
import { readFloats } from '../runtime/device.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { computeSecondMoments, type SecondMomentOptions } from './second-moment.ts';
import { readStatistics, writeStatistics, type StatisticsFile } from './statistics-file.ts';

/** Where a host keeps computed statistics: IndexedDB in the browser, a folder in Node. */
export interface StatisticsStore {
  read(key: string): Promise<Uint8Array | null>;
  write(key: string, bytes: Uint8Array): Promise<void>;
}

export interface CovarianceSources {
  readonly modelHash: string;
  readonly tokenizer: ModelTokenizer;
  /** One document a line. Null where the model came without a text. */
  readonly text: string | null;
  /** Statistics that came with the model. */
  readonly shipped: StatisticsFile | null;
  readonly store: StatisticsStore | null;
}

/** Bytes of float32 that a layer's factor may take to be kept; statistics so large are factored in every run. */
const LARGEST_FACTOR = 128 * 2 ** 20;

export class Covariances {
  readonly #model: LanguageModel;
  readonly #sources: CovarianceSources;
  readonly #matrices = new Map<number, Tensor>();
  /** Null where C has none: it is singular to rounding, and only the keys make a system regular. */
  readonly #factors = new Map<number, CovarianceFactor | null>();
  #tokens = 0;

  constructor(model: LanguageModel, sources: CovarianceSources) {
    this.#model = model;
    this.#sources = sources;
  }

  /** Tokens behind the matrices in memory; 0 before the first. */
  get tokens(): number {
    return this.#tokens;
  }

  /** C of a layer that {@link prepare} has made ready, [F, F]; stays this object's. */
  covarianceOf = (layer: number): Promise<Tensor> => {
    const matrix = this.#matrices.get(layer);
    if (!matrix)
      return Promise.reject(new EngineError('statistics', `The statistics of layer ${layer} are not ready.`));
    return Promise.resolve(matrix);
  };

  /** The factor of a layer's C, made at the first call and kept; null where there is none, or it would be too large. */
  factorOf = async (layer: number): Promise<CovarianceFactor | null> => {
    const known = this.#factors.get(layer);
    if (known !== undefined) return known;
    const covariance = await this.covarianceOf(layer);
    if (4 * covariance.size > LARGEST_FACTOR) return null;
    const factor = await this.#model.linalg.factorCovariance(covariance).catch((error: unknown) => {
      if (error instanceof NotPositiveDefiniteError) return null;
      throw error;
    });
    this.#factors.set(layer, factor);
    return factor;
  };

  /**
   * Makes the covariances of `layers` ready; computes from the text only those found nowhere else, and stores them.
   * @throws EngineError ('statistics') when there is no text to compute from; CancelledError
   */
  async prepare(layers: readonly number[], options: SecondMomentOptions = {}): Promise<void> {
    const { modelHash, shipped, store, text, tokenizer } = this.#sources;
    const { intermediateSize } = this.#model.config;
    const missing: number[] = [];
    const textHash = text === null ? null : await sha256(text);
    for (const layer of layers) {
      if (this.#matrices.has(layer)) continue;
      if (shipped?.layers.has(layer)) {
        this.#adopt(layer, shipped);
        continue;
      }
      const stored = textHash === null ? null : await this.#stored(layer, textHash);
      if (stored) this.#adopt(layer, stored);
      else missing.push(layer);
    }
    if (missing.length === 0) return;
    if (text === null || textHash === null) {
      throw new EngineError(
        'statistics',
        `There are no statistics for layer ${missing.join(', ')} and no text to compute them from.`,
        {
          kept: 'The model and the history are as they were before.',
          next: 'Put a statistics.txt (one document a line) beside the model.',
        },
      );
    }
    const documents = text.split('\n').map((line) => tokenizer.encode(line, { special: false }));
    const moments = await computeSecondMoments(this.#model, documents, missing, options);
    for (const [layer, { matrix, tokens }] of moments) {
      this.#matrices.set(layer, matrix);
      this.#tokens = tokens;
      if (store) {
        const values = await readFloats(this.#model.runtime.device, matrix);
        const file = { modelHash, textHash, tokens, layers: new Map([[layer, values]]) };
        await store.write(storeKey(modelHash, textHash, layer), await writeStatistics(file, intermediateSize));
      }
    }
  }

  dispose(): void {
    for (const matrix of this.#matrices.values()) matrix.dispose();
    for (const factor of this.#factors.values()) factor?.dispose();
    this.#matrices.clear();
    this.#factors.clear();
  }

  async #stored(layer: number, textHash: string): Promise<StatisticsFile | null> {
    const { store, modelHash } = this.#sources;
    const bytes = await store?.read(storeKey(modelHash, textHash, layer));
    if (!bytes) return null;
    try {
      const file = await readStatistics(bytes, modelHash, this.#model.config.intermediateSize);
      return file.layers.has(layer) ? file : null;
    } catch (error) {
      // A damaged copy costs a computation, not the run: the text is at hand, and the new copy replaces it.
      if (error instanceof EngineError) return null;
      throw error;
    }
  }

  #adopt(layer: number, file: StatisticsFile): void {
    const { intermediateSize } = this.#model.config;
    const values = file.layers.get(layer)!;
    this.#matrices.set(
      layer,
      this.#model.runtime.device.upload(values, [intermediateSize, intermediateSize], `covariance ${layer}`),
    );
    this.#tokens = file.tokens;
  }
}

function storeKey(modelHash: string, textHash: string, layer: number): string {
  return `${modelHash.slice(0, 16)}-${textHash.slice(0, 16)}-layer-${layer}`;
}

/** SHA-256 of a text, hex. */
export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
