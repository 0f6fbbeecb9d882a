/**
 * The page's side of the worker: starts it, checks that both are of the same build, carries calls over Comlink, and
 * turns whatever goes wrong, the worker's own death included, into a {@link WorkerError}.
 */
import * as Comlink from 'comlink';
import { API_VERSION, type WorkerApi, type WorkerFailure } from './api.ts';

/** A failed call, with what happened, what was kept and what to do next. */
export class WorkerError extends Error {
  readonly failure: WorkerFailure;

  constructor(failure: WorkerFailure) {
    super(failure.message);
    this.name = 'WorkerError';
    this.failure = failure;
  }
}

function isFailure(value: unknown): value is Partial<WorkerFailure> & Pick<WorkerFailure, 'code' | 'message'> {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}

/** The failure behind anything that was thrown. */
export function toFailure(error: unknown): WorkerFailure {
  if (error instanceof WorkerError) return error.failure;
  if (isFailure(error)) {
    return { code: error.code, message: error.message, kept: error.kept ?? '', next: error.next ?? '' };
  }
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  return { code: 'worker', message, kept: '', next: 'Try again; if it happens again, restart the model.' };
}

const LOST_ADVICE = {
  kept: 'Your edits and the finished patches are stored in this browser.',
  next: 'Restart to load the model again.',
};

type Method = keyof WorkerApi;
type Answer<K extends Method> = Awaited<ReturnType<WorkerApi[K]>>;

/**
 * One running worker. When it dies every call under way rejects (Comlink alone would wait for ever) and `onLost` is
 * told once; a new connection is the way to restart.
 */
export class WorkerConnection {
  readonly #worker: Worker;
  readonly #remote: Comlink.Remote<WorkerApi>;
  readonly #lost: Promise<never>;
  readonly #ready: Promise<void>;
  #rejectLost: (error: WorkerError) => void = () => undefined;
  #ended = false;

  constructor(onLost: (failure: WorkerFailure) => void) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'memit' });
    this.#remote = Comlink.wrap<WorkerApi>(this.#worker);
    this.#lost = new Promise((_, reject) => {
      this.#rejectLost = reject;
    });
    // Nobody may be waiting when the worker dies; that is no unhandled rejection.
    this.#lost.catch(() => undefined);
    const end = (failure: WorkerFailure): void => {
      if (this.#ended) return;
      this.#end(failure);
      onLost(failure);
    };
    const fail = (message: string): void => {
      end({ code: 'worker', message, ...LOST_ADVICE });
    };
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      fail(event.message ? `The model's worker stopped: ${event.message}` : "The model's worker could not be started.");
    });
    this.#worker.addEventListener('messageerror', () => {
      fail("The model's worker sent a message that this page cannot read.");
    });
    this.#ready = this.#checkVersion();
    this.#ready.catch(() => undefined);
    this.#ready.then(() => this.#remote.deviceLoss()).then(end, () => undefined);
    this.#watch(() => fail("The model's worker ended, as it does when memory runs out.")).catch(() => undefined);
  }

  /**
   * Calls a method of the worker; functions among the arguments become Comlink proxies that are deaf once the call has
   * ended: they have message ports of their own, so that the last progress may come after the answer.
   * @throws WorkerError with what the worker rejected with, or that it died.
   */
  async call<K extends Method>(method: K, ...args: Parameters<WorkerApi[K]>): Promise<Answer<K>> {
    let ended = false;
    const whileCalled =
      (callback: (...news: unknown[]) => void) =>
      (...news: unknown[]): void => {
        if (!ended) callback(...news);
      };
    try {
      await this.#ready;
      const send = this.#remote[method] as unknown as (...args: unknown[]) => Promise<Answer<K>>;
      const carried = args.map((arg: unknown) =>
        typeof arg === 'function' ? Comlink.proxy(whileCalled(arg as () => void)) : arg,
      );
      return await Promise.race([send(...carried), this.#lost]);
    } catch (error) {
      throw new WorkerError(toFailure(error));
    } finally {
      ended = true;
    }
  }

  /** Ends the worker; calls under way reject. */
  close(): void {
    this.#end({ code: 'cancelled', message: 'The model was closed.', kept: LOST_ADVICE.kept, next: '' });
  }

  #end(failure: WorkerFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#rejectLost(new WorkerError(failure));
    this.#worker.terminate();
  }

  /** A worker that is killed says nothing: its lock is free then. Where the browser has no locks, only its errors are heard. */
  async #watch(onEnd: () => void): Promise<void> {
    const locks = navigator.locks as LockManager | undefined;
    if (!locks) return;
    const name = `memit-worker ${Date.now()} ${Math.random()}`;
    await this.#ready;
    await this.#remote.hold(name);
    await locks.request(name, onEnd);
  }

  async #checkVersion(): Promise<void> {
    const version = await Promise.race([this.#remote.version(), this.#lost]);
    if (version === API_VERSION) return;
    throw new WorkerError({
      code: 'version',
      message: `This page and its worker come from different builds (${API_VERSION} and ${version}).`,
      kept: LOST_ADVICE.kept,
      next: 'Reload the page.',
    });
  }
}
