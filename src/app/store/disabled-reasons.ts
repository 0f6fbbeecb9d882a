/** Why nothing at all can be started now: the reasons that runs, traces and benchmarks share. Pure. */
import type { Store } from './index.ts';

/** Why there is no model to work with now, in words, or null. */
export function modelDisabledReason(state: Pick<Store, 'workerLost' | 'model' | 'loadFailure'>): string | null {
  if (state.workerLost) return 'The model has stopped: restart it first.';
  if (state.model) return null;
  return state.loadFailure ? 'No model is loaded.' : 'The model is still loading.';
}

/** Why no job can be started now: there is no model to work with, or another job is under way; in words, or null. */
export function busyDisabledReason(state: Store): string | null {
  return modelDisabledReason(state) ?? (state.job ? `Wait until this is done: ${state.job.label}.` : null);
}
