/** The logit lens: which prompt is read, how far that is, and what came of it. */
import type { EditDraft, WorkerFailure } from '../../worker/api.ts';
import type { LensPrompt, LensView } from '../../worker/lens-api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { busyDisabledReason } from './disabled-reasons.ts';
import { enabledPatchesKey } from './drafts.ts';
import { draftToTrace, promptFault } from './trace.ts';
import { promptKey } from './trace-view.ts';
import type { Slice, Store } from './index.ts';

export interface LensReading {
  view: LensView;
  /** What it is an answer to: it is stale where this has changed. */
  key: string;
}

/** The reading that goes on or went last. */
export interface LensTask {
  status: 'running' | 'done' | 'cancelled' | 'failed';
  done: number;
  total: number;
  secondsLeft: number | null;
  failure: WorkerFailure | null;
}

export interface LensSlice {
  /** A prompt of one's own is read instead of an edit's. */
  lensOwn: boolean;
  lensPrompt: string;
  lens: LensReading | null;
  lensTask: LensTask | null;
  resetLens(): void;
  setLensOwn(own: boolean): void;
  setLensPrompt(prompt: string): void;
  readLens(): Promise<void>;
  /** Shows the lens of any prompt. */
  readLensOf(prompt: string): void;
}

function lensPromptOf(state: Store): LensPrompt | null {
  if (state.lensOwn) return state.lensPrompt.trim() === '' ? null : { kind: 'free', prompt: state.lensPrompt.trim() };
  const draft = draftToTrace(state);
  return draft && { kind: 'edit', draft };
}

function editKey(draft: EditDraft): string {
  return JSON.stringify([promptKey(draft), draft.object.trim()]);
}

/** What a reading of what is chosen now would be an answer to. */
export function lensKey(state: Store): string | null {
  const asked = lensPromptOf(state);
  if (!asked) return null;
  const prompt = asked.kind === 'free' ? asked.prompt : editKey(asked.draft);
  return JSON.stringify([prompt, enabledPatchesKey(state.history.patches)]);
}

/** Why nothing can be read now, in words, or null. */
export function lensDisabledReason(state: Store): string | null {
  const busy = busyDisabledReason(state);
  if (busy !== null) return busy;
  const asked = lensPromptOf(state);
  if (!asked) return state.lensOwn ? 'Type a prompt.' : 'There is no edit yet: add one.';
  return asked.kind === 'edit' ? promptFault(state, asked.draft) : null;
}

export const createLensSlice: Slice<LensSlice> = (set, get) => {
  let turns = 0;
  return {
    lensOwn: false,
    lensPrompt: '',
    lens: null,
    lensTask: null,

    resetLens() {
      turns += 1;
      set({ lens: null, lensTask: null });
    },
    setLensOwn(lensOwn) {
      set({ lensOwn });
    },
    setLensPrompt(lensPrompt) {
      set({ lensPrompt });
    },

    readLensOf(lensPrompt) {
      set({ lensOwn: true, lensPrompt });
      get().showWork('lens');
      void get().readLens();
    },

    async readLens() {
      if (lensDisabledReason(get()) !== null) return;
      const asked = lensPromptOf(get());
      const key = lensKey(get());
      if (!asked || key === null) return;
      turns += 1;
      const turn = turns;
      const job = get().startJob('lens', 'Reading the layers');
      const begun: LensTask = { status: 'running', done: 0, total: 0, secondsLeft: null, failure: null };
      set({ lensTask: begun });
      try {
        const view = await call('lens', asked, ({ done, total, secondsLeft }) => {
          if (turn !== turns) return;
          set({ lensTask: { ...begun, done, total, secondsLeft } });
          get().advanceJob(job, done / total);
        });
        if (turn !== turns) return;
        set({ lens: { view, key }, lensTask: { ...begun, status: 'done' } });
        get().announce('The layers are read.');
      } catch (error) {
        if (turn !== turns) return;
        const failure = toFailure(error);
        const cancelled = failure.code === 'cancelled';
        set({ lensTask: { ...begun, status: cancelled ? 'cancelled' : 'failed', failure } });
        if (cancelled) get().announce('The reading was cancelled.');
      } finally {
        get().endJob(job);
      }
    },
  };
};
