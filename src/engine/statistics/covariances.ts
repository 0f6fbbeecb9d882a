/** The second moments that a run needs, from the nearest source that has them, and their factors; kept in memory once they are there. */
import { EngineError, NotPositiveDefiniteError } from '../errors.ts';
import type { CovarianceFactor, LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { SecondMomentOptions } from './second-moment.ts';
import type { StatisticsSource } from './statistics-source.ts';

/** What is known of the keys of layers. */
export interface LayerStatistics {
  /** C, [F, F]; stays its owner's. */
  readonly covarianceOf: (layer: number) => Promise<Tensor>;
  /** The factor of C where there is one at hand. */
  readonly factorOf?: (layer: number) => Promise<CovarianceFactor | null>;
}

/** Bytes of float32 that a layer's factor may take to be kept; statistics so large are factored in every run. */
const LARGEST_FACTOR = 128 * 2 ** 20;

export class Covariances implements LayerStatistics {
  readonly #linalg: LinearAlgebra;
  readonly #sources: readonly StatisticsSource[];
  readonly #matrices = new Map<number, Tensor>();
  /** Null where C has none: it is singular to rounding, and only the keys make a system regular. */
  readonly #factors = new Map<number, CovarianceFactor | null>();
  #tokens = 0;

  /** @param sources in the order they are asked; a source before the one that has a layer keeps it, where it can */
  constructor(linalg: LinearAlgebra, sources: readonly StatisticsSource[]) {
    this.#linalg = linalg;
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
    const factor = await this.#linalg.factorCovariance(covariance).catch((error: unknown) => {
      if (error instanceof NotPositiveDefiniteError) return null;
      throw error;
    });
    this.#factors.set(layer, factor);
    return factor;
  };

  /**
   * Makes the covariances of `layers` ready.
   * @throws EngineError ('statistics') when no source has them all; CancelledError
   */
  async prepare(layers: readonly number[], options: SecondMomentOptions = {}): Promise<void> {
    const missing = (): number[] => layers.filter((layer) => !this.#matrices.has(layer));
    for (const [i, source] of this.#sources.entries()) {
      const wanted = missing();
      if (wanted.length === 0) return;
      for (const [layer, moment] of await source.find(wanted, options)) {
        this.#matrices.set(layer, moment.matrix);
        this.#tokens = moment.tokens;
        for (const earlier of this.#sources.slice(0, i)) await earlier.keep?.(layer, moment);
      }
    }
    if (missing().length === 0) return;
    throw new EngineError(
      'statistics',
      `There are no statistics for layer ${missing().join(', ')} and no text to compute them from.`,
      {
        kept: 'The model and the history are as they were before.',
        next: 'Put a statistics.txt (one document a line) beside the model.',
      },
    );
  }

  dispose(): void {
    for (const matrix of this.#matrices.values()) matrix.dispose();
    for (const factor of this.#factors.values()) factor?.dispose();
    this.#matrices.clear();
    this.#factors.clear();
  }
}
