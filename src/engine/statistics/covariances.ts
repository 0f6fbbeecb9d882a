/** The second moments that a run needs, from the nearest source that has them, and their factors; kept in memory once they are there. */
import { EngineError, NotPositiveDefiniteError } from '../errors.ts';
import type { Job } from '../job.ts';
import type { CovarianceFactor, LinearAlgebra } from '../linalg/linear-algebra.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { SecondMoment, SecondMomentOptions } from './second-moment.ts';
import type { StatisticsSource } from './statistics-source.ts';

/** What is known of the keys of layers. */
export interface LayerStatistics {
  /** C, [F, F]; stays its owner's. */
  readonly covarianceOf: (layer: number) => Promise<Tensor>;
  /** The factor of C where there is one at hand. */
  readonly factorOf?: (layer: number, job?: Job) => Promise<CovarianceFactor | null>;
}

/** Bytes of float32 that a layer's factor may take to be kept; statistics so large are factored in every run. */
const LARGEST_FACTOR = 128 * 2 ** 20;

export class Covariances implements LayerStatistics {
  readonly #linalg: LinearAlgebra;
  readonly #sources: readonly StatisticsSource[];
  readonly #moments = new Map<number, SecondMoment>();
  /** Null where C has none: it is singular to rounding, and only the keys make a system regular. */
  readonly #factors = new Map<number, CovarianceFactor | null>();

  /** @param sources in the order they are asked; a source before the one that has a layer keeps it, where it can */
  constructor(linalg: LinearAlgebra, sources: readonly StatisticsSource[]) {
    this.#linalg = linalg;
    this.#sources = sources;
  }

  /** Tokens behind a layer's C; 0 before {@link prepare}. */
  tokensOf(layer: number): number {
    return this.#moments.get(layer)?.tokens ?? 0;
  }

  /** C of a layer that {@link prepare} has made ready, [F, F]; stays this object's. */
  covarianceOf = (layer: number): Promise<Tensor> => {
    const moment = this.#moments.get(layer);
    if (!moment)
      return Promise.reject(new EngineError('statistics', `The statistics of layer ${layer} are not ready.`));
    return Promise.resolve(moment.matrix);
  };

  /** The factor of a layer's C, made at the first call and kept; null where there is none, or it would be too large. */
  factorOf = async (layer: number, job: Job = {}): Promise<CovarianceFactor | null> => {
    const known = this.#factors.get(layer);
    if (known !== undefined) return known;
    const covariance = await this.covarianceOf(layer);
    if (4 * covariance.size > LARGEST_FACTOR) return null;
    const factor = await this.#linalg.factorCovariance(covariance, job).catch((error: unknown) => {
      if (error instanceof NotPositiveDefiniteError) return null;
      throw error;
    });
    this.#factors.set(layer, factor);
    return factor;
  };

  /**
   * Makes the covariances of `layers` ready. Sources that have more tokens than a layer has so far are asked where it has fewer than
   * `tokens`, and go on from what is there.
   * @throws EngineError ('statistics') when no source has them all; CancelledError
   */
  async prepare(
    layers: readonly number[],
    { tokens = Infinity, signal, onProgress }: Omit<SecondMomentOptions, 'known'> = {},
  ): Promise<void> {
    const isShort = (layer: number): boolean => {
      const moment = this.#moments.get(layer);
      return !moment || (!moment.complete && moment.tokens < tokens);
    };
    for (const [i, source] of this.#sources.entries()) {
      const wanted = layers.filter(isShort);
      if (wanted.length === 0) return;
      for (const [layer, moment] of await source.find(wanted, { tokens, known: this.#moments, signal, onProgress })) {
        if (!this.#replace(layer, moment)) continue;
        for (const earlier of this.#sources.slice(0, i)) await earlier.keep?.(layer, moment);
      }
    }
    const missing = layers.filter((layer) => !this.#moments.has(layer));
    if (missing.length === 0) return;
    throw new EngineError(
      'statistics',
      `There are no statistics for layer ${missing.join(', ')} and no text to compute them from.`,
      {
        kept: 'The model and the history are as they were before.',
        next: 'Put a statistics.txt (one document a line) beside the model.',
      },
    );
  }

  dispose(): void {
    for (const { matrix } of this.#moments.values()) matrix.dispose();
    for (const factor of this.#factors.values()) factor?.dispose();
    this.#moments.clear();
    this.#factors.clear();
  }

  /** Takes a moment that is over more of its text than the one there was; says whether it is. */
  #replace(layer: number, moment: SecondMoment): boolean {
    const before = this.#moments.get(layer);
    const isMore = !before || moment.tokens > before.tokens || (moment.complete && !before.complete);
    if (!isMore) {
      moment.matrix.dispose();
      return false;
    }
    before?.matrix.dispose();
    this.#factors.get(layer)?.dispose();
    this.#factors.delete(layer);
    this.#moments.set(layer, moment);
    return true;
  }
}
