/** A measurement as the current job: how far it is, and how it ended. */
import type { WorkerFailure } from '../../worker/api.ts';
import type { BenchmarkEvent } from '../../worker/benchmark-api.ts';
import { toFailure } from '../../worker/client.ts';
import type { Store } from './index.ts';

export interface Measurement {
  status: 'running' | 'done' | 'cancelled' | 'failed';
  stage: string;
  done: number;
  total: number;
  secondsLeft: number | null;
  failure: WorkerFailure | null;
}

const BEGUN: Measurement = { status: 'running', stage: '', done: 0, total: 0, secondsLeft: null, failure: null };

/** Where in the store a measurement is kept. */
type TaskName = 'benchmarkTask' | 'damageTask' | 'sweepTask';

export interface Measuring {
  /**
   * Runs `body` as the current job and keeps its progress and its end in the store.
   * @param body gives what is announced at the end; `current` tells whether anybody still wants to know
   */
  perform(
    name: TaskName,
    label: string,
    body: (onEvent: (event: BenchmarkEvent) => void, current: () => boolean) => Promise<string>,
    afterFailure?: () => Promise<void>,
  ): Promise<void>;
  /** What goes on now is of a model that is gone. */
  abandon(): void;
}

export function measuring(set: (part: Partial<Store>) => void, get: () => Store): Measuring {
  let turns = 0;
  return {
    async perform(name, label, body, afterFailure = () => Promise.resolve()) {
      turns += 1;
      const turn = turns;
      const current = (): boolean => turn === turns;
      const job = get().startJob('benchmark', label);
      const change = (part: Partial<Measurement>): void => {
        if (current()) set({ [name]: { ...(get()[name] ?? BEGUN), ...part } });
      };
      set({ [name]: BEGUN });
      try {
        const words = await body((event) => {
          change(event);
          get().advanceJob(job, event.total > 0 ? event.done / event.total : null);
        }, current);
        get().endJob(job);
        change({ status: 'done' });
        get().announce(words);
      } catch (error) {
        const failure = toFailure(error);
        const cancelled = failure.code === 'cancelled';
        change({ status: cancelled ? 'cancelled' : 'failed', failure });
        if (cancelled) get().announce('The measurement was cancelled.');
        get().endJob(job);
        await afterFailure();
      }
    },
    abandon() {
      turns += 1;
    },
  };
}
