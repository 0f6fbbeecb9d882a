/** Before and after: the comparison of one patch, and the free prompt. */
import type { ComparisonReport, FreeComparison, PatchSummary, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { enabledPatchesKey } from './drafts.ts';
import { lockedBy } from './trace.ts';
import type { Slice, Store } from './index.ts';

export interface CompareSlice {
  /** The patch the reader chose, or null for the newest that is enabled. */
  chosenPatchId: string | null;
  comparison: ComparisonReport | null;
  /** What `comparison` is the answer to; differs from the present question while stale. */
  comparisonKey: string;
  comparing: { done: number; total: number } | null;
  compareFailure: WorkerFailure | null;
  freePrompt: string;
  freeResult: FreeComparison | null;
  freeBusy: boolean;
  freeFailure: WorkerFailure | null;
  resetComparison(): void;
  /** Shows the result of a patch, opening the tab. */
  showResult(patchId: string): void;
  /** Compares what is shown now, unless that is known already. */
  refreshComparison(): void;
  /** The patches in force changed: what is on screen is asked anew. */
  historyChanged(): void;
  setFreePrompt(prompt: string): void;
  tryFreePrompt(): Promise<void>;
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
  let freeTurns = 0;

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
      set({ comparison });
      const { passed, total } = comparison.efficacy;
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
    comparing: null,
    compareFailure: null,
    freePrompt: '',
    freeResult: null,
    freeBusy: false,
    freeFailure: null,

    resetComparison() {
      turns += 1;
      freeTurns += 1;
      set({ chosenPatchId: null, comparison: null, comparisonKey: '', comparing: null, compareFailure: null });
      set({ freeResult: null, freeBusy: false, freeFailure: null });
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
      if (get().freeResult) void get().tryFreePrompt();
    },
    setFreePrompt(freePrompt) {
      set({ freePrompt });
    },
    async tryFreePrompt() {
      const prompt = get().freePrompt;
      if (prompt.trim() === '') return;
      freeTurns += 1;
      const turn = freeTurns;
      set({ freeBusy: true, freeFailure: null });
      try {
        const freeResult = await call('tryPrompt', prompt);
        if (turn === freeTurns) set({ freeResult });
      } catch (error) {
        if (turn === freeTurns && !get().workerLost) set({ freeFailure: toFailure(error) });
      } finally {
        if (turn === freeTurns) set({ freeBusy: false });
      }
    },
  };
};
