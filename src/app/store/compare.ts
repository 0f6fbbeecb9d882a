/** Before and after: the comparison of one patch. */
import type { ComparisonReport, PatchSummary, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { enabledPatchesKey } from './drafts.ts';
import { lockedBy } from './trace.ts';
import type { Slice, Store } from './index.ts';

export type Scores = Pick<ComparisonReport, 'efficacy' | 'generalization' | 'specificity'>;

export interface CompareSlice {
  /** The patch the reader chose, or null for the newest that is enabled. */
  chosenPatchId: string | null;
  comparison: ComparisonReport | null;
  /** What `comparison` is the answer to; differs from the present question while stale. */
  comparisonKey: string;
  /** What comparisons of this visit came to, by patch. */
  scores: Readonly<Partial<Record<string, Scores>>>;
  comparing: { done: number; total: number } | null;
  compareFailure: WorkerFailure | null;
  resetComparison(): void;
  /** Shows the result of a patch, opening the tab. */
  showResult(patchId: string): void;
  /** Compares what is shown now, unless that is known already. */
  refreshComparison(): void;
  /** The patches in force changed: what is on screen is asked anew. */
  historyChanged(): void;
}

/** The patch whose result is shown: the chosen one, else the newest enabled, else the newest. */
export function shownPatch(state: Pick<Store, 'history' | 'chosenPatchId'>): PatchSummary | null {
  const { patches } = state.history;
  return (
    patches.find((patch) => patch.id === state.chosenPatchId) ??
    patches.findLast((patch) => patch.enabled) ??
    patches.at(-1) ??
    null
  );
}

/** A comparison depends on the patch and on the others in force, not on whether the patch itself is on. */
export function comparisonKeyOf(patch: PatchSummary, patches: PatchSummary[]): string {
  return `${patch.id} | ${enabledPatchesKey(patches.filter((other) => other.id !== patch.id))}`;
}

export const createCompareSlice: Slice<CompareSlice> = (set, get) => {
  let turns = 0;

  async function compare(patch: PatchSummary, key: string): Promise<void> {
    turns += 1;
    const turn = turns;
    const job = get().startJob('compare', 'Comparing before and after');
    set({ comparing: { done: 0, total: 0 }, compareFailure: null, comparisonKey: key });
    try {
      const comparison = await call('compare', patch.id, (done, total) => {
        if (turn !== turns) return;
        set({ comparing: { done, total } });
        get().advanceJob(job, total > 0 ? done / total : null);
      });
      if (turn !== turns) return;
      const { efficacy, generalization, specificity } = comparison;
      const scores = { ...get().scores, [patch.id]: { efficacy, generalization, specificity } };
      set({ comparison, scores });
      const { passed, total } = efficacy;
      get().announce(`Compared: ${passed} of ${total} edits took.`);
    } catch (error) {
      if (turn !== turns) return;
      const failure = toFailure(error);
      set({ comparisonKey: '', compareFailure: get().workerLost ? null : failure });
    } finally {
      if (turn === turns) set({ comparing: null });
      get().endJob(job);
    }
  }

  return {
    chosenPatchId: null,
    comparison: null,
    comparisonKey: '',
    scores: {},
    comparing: null,
    compareFailure: null,

    resetComparison() {
      turns += 1;
      set({ chosenPatchId: null, comparison: null, comparisonKey: '', comparing: null, compareFailure: null });
      set({ scores: {} });
    },
    showResult(patchId) {
      set({ chosenPatchId: patchId });
      get().showWork('result');
    },
    refreshComparison() {
      const patch = shownPatch(get());
      if (!patch) {
        turns += 1;
        set({ comparison: null, comparisonKey: '', comparing: null, compareFailure: null });
        return;
      }
      const key = comparisonKeyOf(patch, get().history.patches);
      if (key !== get().comparisonKey && lockedBy(get()) === null) void compare(patch, key);
    },
    historyChanged() {
      if (get().workTab === 'result' || get().comparison) get().refreshComparison();
      if (get().freeResults.length > 0) void get().tryFreePrompts();
    },
  };
};
