/** Where second moments of the keys come from: a file, a store, a text. */
import type { SecondMoment, SecondMomentOptions } from './second-moment.ts';

export interface StatisticsSource {
  /**
   * The second moments of those of `layers` that it has, or can compute; the caller disposes the matrices.
   * @throws EngineError ('statistics'), CancelledError
   */
  find(layers: readonly number[], options: SecondMomentOptions): Promise<ReadonlyMap<number, SecondMoment>>;
  /** Keeps what was found elsewhere; absent where nothing can be kept. */
  keep?(layer: number, moment: SecondMoment): Promise<void>;
}
