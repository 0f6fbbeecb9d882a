/** Tries again what may pass, later each time. */
import { CancelledError, throwIfCancelled } from '../../errors.ts';
import { PassingError } from './hub-errors.ts';

/** Waits before the second try, the third, and so on; after the last one the failure counts. */
const DELAYS_SECONDS = [1, 2, 4, 8, 16];

/** A hub that wants a longer pause is left alone. */
const LONGEST_PAUSE_SECONDS = 120;

/** Resolves after so many seconds. @throws CancelledError */
export type Wait = (seconds: number, signal?: AbortSignal) => Promise<void>;

export const timer: Wait = (seconds, signal) =>
  new Promise((resolve, reject) => {
    throwIfCancelled(signal);
    const cancelled = (): void => {
      clearTimeout(timeout);
      reject(new CancelledError());
    };
    const timeout = setTimeout(() => {
      signal?.removeEventListener('abort', cancelled);
      resolve();
    }, 1000 * seconds);
    signal?.addEventListener('abort', cancelled, { once: true });
  });

/** Of one thing that is tried: how often it has failed in a row. */
export class Patience {
  readonly #wait: Wait;
  readonly #onWait: (reason: string, seconds: number) => void;
  #failures = 0;

  /** @param onWait before each pause: why, and for how long */
  constructor(wait: Wait = timer, onWait: (reason: string, seconds: number) => void = () => undefined) {
    this.#wait = wait;
    this.#onWait = onWait;
  }

  /** It got on: the next failure is the first one again. */
  renew(): void {
    this.#failures = 0;
  }

  /** Waits until it is time to try again. @throws the failure itself when it will not pass or came too often; CancelledError */
  async after(error: unknown, signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    if (!(error instanceof PassingError) || this.#failures >= DELAYS_SECONDS.length) throw error;
    const seconds = Math.max(DELAYS_SECONDS[this.#failures], error.retryAfter ?? 0);
    if (seconds > LONGEST_PAUSE_SECONDS) throw error;
    this.#failures += 1;
    this.#onWait(error.message, seconds);
    await this.#wait(seconds, signal);
  }
}
