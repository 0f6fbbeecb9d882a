/** How far the shown patch reaches: measured when it is asked for. */
import type { Reach, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { comparisonKeyOf, shownPatch } from './compare.ts';
import { call } from './connection.ts';
import { busyDisabledReason } from './disabled-reasons.ts';
import type { Slice, Store } from './index.ts';

export interface ReachReading {
  reach: Reach;
  /** The patch it is of and the others in force: it is stale where this has changed. */
  key: string;
}

export interface ReachSlice {
  reach: ReachReading | null;
  /** How much is done, while it is measured. */
  reachDone: { done: number; total: number } | null;
  reachFailure: WorkerFailure | null;
  resetReach(): void;
  measureReach(): Promise<void>;
}

/** What a measurement now would be of. */
export function reachKey(state: Store): string | null {
  const patch = shownPatch(state);
  return patch && comparisonKeyOf(patch, state.history.patches);
}

export const createReachSlice: Slice<ReachSlice> = (set, get) => ({
  reach: null,
  reachDone: null,
  reachFailure: null,

  resetReach() {
    set({ reach: null, reachDone: null, reachFailure: null });
  },

  async measureReach() {
    const patch = shownPatch(get());
    const key = reachKey(get());
    if (!patch || key === null || busyDisabledReason(get()) !== null) return;
    const job = get().startJob('reach', 'Measuring how far the change reaches');
    const { model } = get();
    set({ reachDone: { done: 0, total: 0 }, reachFailure: null });
    try {
      const reach = await call('reach', patch.id, (done, total) => {
        set({ reachDone: { done, total } });
        get().advanceJob(job, total > 0 ? done / total : null);
      });
      if (get().model !== model) return;
      set({ reach: { reach, key } });
      get().announce('It is measured how far the change reaches.');
    } catch (error) {
      const failure = toFailure(error);
      if (get().model === model && failure.code !== 'cancelled' && !get().workerLost) set({ reachFailure: failure });
    } finally {
      set({ reachDone: null });
      get().endJob(job);
    }
  },
});
