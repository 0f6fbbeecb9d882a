/** What all commands of the worker share: the open model, what runs it, storage, and the queue in which they take turns. */
import { CancelledError, EngineError, throwIfCancelled } from '../engine/errors.ts';
import type { Job } from '../engine/job.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type { ModelSession } from '../engine/session/session.ts';
import type { BackendChoice, HistoryState, WorkerFailure } from './api.ts';
import { startBackend, type BrowserBackend } from './backend.ts';
import type { AsideEntry } from './history-storage.ts';
import { VisitModels, type KeptModels } from './kept-models.ts';
import { PauseGate } from './pause.ts';
import { OpfsModels } from './opfs-models.ts';
import { BrowserStorage } from './storage.ts';
import { failureOf, historyView } from './views.ts';

export class WorkerHost {
  readonly storage = new BrowserStorage();
  /** Where the command that runs can be held. */
  readonly gate = new PauseGate();
  session: ModelSession | null = null;
  /** Of the open model: patches that are stored and cannot be read. */
  aside: readonly AsideEntry[] = [];
  /** Gives back the hold on the open model's files. */
  #releaseModel: () => void = () => undefined;
  #models: Promise<KeptModels> | null = null;
  #backend: BrowserBackend | null = null;
  #lostMessage: string | null = null;
  #tellLoss: (failure: WorkerFailure) => void = () => undefined;
  /** Resolves when the backend's device is lost. The runtime has no other then: the page starts a worker anew. */
  readonly deviceLoss = new Promise<WorkerFailure>((resolve) => {
    this.#tellLoss = resolve;
  });
  /** Of the command that runs and of those waiting. */
  readonly #controllers = new Set<AbortController>();
  #queue: Promise<unknown> = Promise.resolve();

  /** Models of hubs that this browser keeps. */
  models(): Promise<KeptModels> {
    this.#models ??= OpfsModels.open()
      .then((models) => models ?? new VisitModels())
      .catch((error: unknown) => {
        this.#models = null;
        throw error;
      });
    return this.#models;
  }

  /** What runs the model; started when it is first wanted. @throws DeviceError */
  async backend(choice: BackendChoice): Promise<BrowserBackend> {
    if (!this.#backend) {
      this.#backend = await startBackend(choice, this.storage);
      void this.#backend.lost.then((message) => {
        this.#lostMessage = message;
        this.#tellLoss(failureOf(deviceLost(message)));
      });
    }
    return this.#backend;
  }

  /** Runs `body` after the commands before it, whether they succeeded or not. */
  inTurn<T>(body: (job: Job) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#controllers.add(controller);
    const turn = this.#queue.then(async () => {
      try {
        throwIfCancelled(controller.signal);
        const { signal } = controller;
        const yieldAndWait = async (): Promise<void> => {
          await yieldToEventLoop();
          await this.gate.wait(signal);
        };
        return await body({ signal, yieldToEventLoop: yieldAndWait });
      } catch (error) {
        if (controller.signal.aborted && !(error instanceof CancelledError)) throw new CancelledError();
        if (this.#lostMessage !== null) throw deviceLost(this.#lostMessage, error);
        throw error;
      } finally {
        this.#controllers.delete(controller);
        this.gate.reset();
      }
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** The model that is open from now on; the one before goes. @param release of its files */
  async replaceSession(session: ModelSession, release: () => void): Promise<void> {
    const [before, releaseBefore] = [this.session, this.#releaseModel];
    this.session = session;
    this.aside = [];
    this.#releaseModel = release;
    await before?.dispose();
    releaseBefore();
  }

  withModel<T>(body: (session: ModelSession, job: Job) => Promise<T>): Promise<T> {
    return this.inTurn((job) => {
      if (!this.session) {
        throw new EngineError('model', 'No model is open.', { next: 'Open the demo model or your own.' });
      }
      return body(this.session, job);
    });
  }

  /** Changes the stack and saves it. A change that fails leaves the stack as it was; one that cannot be saved stays in effect. */
  changeHistory(change: (session: ModelSession, job: Job) => void | Promise<void>): Promise<HistoryState> {
    return this.withModel(async (session, job) => {
      await change(session, job);
      return this.history(session, await this.saveHistory(session));
    });
  }

  /** @param unsaved what kept the stack from being saved */
  history(session: ModelSession, unsaved: WorkerFailure | null = null): HistoryState {
    return historyView(session, unsaved, this.aside);
  }

  /** Puts what is stored of a model's stack in place; a stack that is as it was keeps what can be undone. @throws EngineError ('storage') */
  async restoreHistory(session: ModelSession): Promise<void> {
    const present = session.stack.entries;
    const { entries, aside } = await this.storage.loadHistory({
      identity: session.identity,
      methods: session.methods,
      assertFits: (patch) => session.assertFits(patch),
      known: new Map(present.map(({ patch }) => [patch.id, patch])),
    });
    if (!sameStack(entries, present)) await session.restore(entries);
    this.aside = aside;
  }

  /** What kept the stack from being saved, for a notice, or null. */
  saveHistory({ hash, stack }: ModelSession): Promise<WorkerFailure | null> {
    return failureIn(this.storage.saveHistory(hash, stack.entries));
  }

  /** Cancels the command that runs and those waiting. */
  cancel(): void {
    for (const controller of this.#controllers) controller.abort();
  }
}

function sameStack(a: readonly StackEntry[], b: readonly StackEntry[]): boolean {
  const said = (stack: readonly StackEntry[]): string =>
    JSON.stringify(stack.map(({ patch, name, enabled }) => [patch.id, name, enabled]));
  return said(a) === said(b);
}

/** What went wrong in `work`, for a notice, or null. */
export async function failureIn(work: Promise<void>): Promise<WorkerFailure | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return failureOf(error);
  }
}

/** So that a cancel message is heard between two steps. */
function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function deviceLost(message: string, cause?: unknown): EngineError {
  return new EngineError('device-lost', `The GPU was lost: ${message}`, {
    cause,
    kept: 'Your edits, the finished patches and the targets that were found are stored in this browser.',
    next: 'Restart the model; if it keeps happening, open the page with ?backend=wasm.',
  });
}
