/** Why something cannot be started now, where the reason is the same for all. Pure. */
import type { Store } from './index.ts';

/** Why there is no model to work with now, in words, or null. */
export function modelDisabledReason(state: Pick<Store, 'workerLost' | 'model' | 'loadFailure'>): string | null {
  if (state.workerLost) return 'The model has stopped: restart it first.';
  if (state.model) return null;
  return state.loadFailure ? 'No model is loaded.' : 'The model is still loading.';
}

/** The same, or that another job is under way. */
export function busyDisabledReason(state: Store): string | null {
  return modelDisabledReason(state) ?? (state.job ? `Wait until this is done: ${state.job.label}.` : null);
}
