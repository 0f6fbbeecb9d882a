/** Causal traces: of one edit's prompt, and averaged over the model's known facts; and the layers they speak for. */
import { largest, smallest } from '../../engine/extent.ts';
import type { EditDraft, WorkerFailure } from '../../worker/api.ts';
import type {
  AverageTraceView,
  LayerBand,
  Severed,
  TraceEvent,
  TraceKind,
  TraceSettings,
  TraceView,
} from '../../worker/trace-api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { enabledPatchesKey, inspectionKey } from './drafts.ts';
import { busyDisabledReason } from './disabled-reasons.ts';
import { chosenMethod } from './method.ts';
import { layersField } from './settings.ts';
import { parseFactCount, parseTraceSettings, TRACE_DEFAULTS, type TraceSettingsText } from './trace-settings.ts';
import { promptKey, withToken, type TraceQuestion } from './trace-view.ts';
import type { Slice, Store } from './index.ts';

export interface TracedPrompt {
  view: TraceView;
  question: TraceQuestion;
  settings: TraceSettings;
  /** False while tokens still arrive, and for ever when they were cut off. */
  complete: boolean;
}

/** The trace that goes on or went last. */
export interface TraceTask {
  what: 'prompt' | 'average';
  status: 'running' | 'done' | 'cancelled' | 'failed';
  done: number;
  total: number;
  detail: string;
  secondsLeft: number | null;
  failure: WorkerFailure | null;
}

/** First and last layer, both included. */
export interface Band {
  first: number;
  last: number;
}

/** The curves of one kind by position, or the three of the last subject token that severing tells apart. */
export type CurveChoice = TraceKind | 'severed';

export interface TraceSlice {
  traceSettings: TraceSettingsText;
  factCount: string;
  /** The edit the reader chose to trace, or null for the first that can be. */
  traceDraftId: string | null;
  traced: TracedPrompt | null;
  /** The same prompt on the model as it came, to stand beside it. */
  tracedUnedited: TracedPrompt | null;
  averageTrace: AverageTraceView | null;
  traceTask: TraceTask | null;
  /** The grid on the heat map. */
  shownGrid: { kind: TraceKind; severed: Severed };
  shownCurves: CurveChoice;
  /** Which trace the curves and the proposed layers are of, where there are both. */
  curveSource: 'prompt' | 'average';
  /** Layers set by hand in place of the proposed ones. */
  bandByHand: Band | null;
  /** For another model, with the average it was last found to have and the window for its depth. */
  resetTrace(averageTrace: AverageTraceView | null, window: number): void;
  changeTraceSettings(change: Partial<TraceSettingsText>): void;
  setFactCount(text: string): void;
  chooseTraceDraft(draftId: string): void;
  showGrid(kind: TraceKind, severed: Severed): void;
  showCurves(choice: CurveChoice): void;
  showCurveSource(source: 'prompt' | 'average'): void;
  setBand(band: Band | null): void;
  /** Writes the layers into the settings of the next run. */
  applyBand(band: Band): void;
  /** Traces an edit's prompt, the chosen one unless told, and shows it. */
  startTrace(draftId?: string): Promise<void>;
  /** Traces the prompt that is shown on the model as it came, with the settings of what is shown. */
  traceUnedited(): Promise<void>;
  startAverageTrace(): Promise<void>;
}

/** The job that nothing may come between, in a word, or null: the model and its patches stay as they are until it ends. */
export function lockedBy(
  state: Pick<Store, 'run' | 'traceTask' | 'benchmarkTask' | 'damageTask' | 'sweepTask'>,
): 'run' | 'trace' | 'benchmark' | null {
  if (state.run?.status === 'running') return 'run';
  const { benchmarkTask, damageTask, sweepTask } = state;
  if ([benchmarkTask, damageTask, sweepTask].some((task) => task?.status === 'running')) return 'benchmark';
  return state.traceTask?.status === 'running' ? 'trace' : null;
}

/** Why an edit's prompt cannot be traced, or null; its new object does not matter. */
export function promptFault(state: Store, draft: EditDraft): string | null {
  const number = state.drafts.indexOf(draft) + 1;
  if (draft.subject.trim() === '') return `Edit ${number} has no subject.`;
  const known = state.inspections[draft.id];
  if (known?.key !== inspectionKey(draft, enabledPatchesKey(state.history.patches))) return null;
  const fault = known.row.faults.find(({ field }) => field !== 'object');
  return fault ? `Edit ${number}: ${fault.message}` : null;
}

/** The edit that is traced next: the chosen one, else the first whose prompt can be traced, else the first. */
export function draftToTrace(state: Store): EditDraft | null {
  const { drafts, traceDraftId } = state;
  return (
    drafts.find((draft) => draft.id === traceDraftId) ??
    drafts.find((draft) => promptFault(state, draft) === null) ??
    drafts.at(0) ??
    null
  );
}

function commonDisabledReason(state: Store): string | null {
  const busy = busyDisabledReason(state);
  if (busy !== null) return busy;
  const fault = Object.values(parseTraceSettings(state.traceSettings).faults).at(0);
  return fault === undefined ? null : `A setting of the trace needs attention: ${fault}`;
}

/** Why an edit, the chosen one unless told, cannot be traced now, in words, or null. */
export function traceDisabledReason(state: Store, draftId?: string): string | null {
  const common = commonDisabledReason(state);
  if (common !== null) return common;
  const draft = draftId === undefined ? draftToTrace(state) : state.drafts.find(({ id }) => id === draftId);
  return draft ? promptFault(state, draft) : 'There is no edit yet: add one.';
}

/** Why the average over known facts cannot be taken now, in words, or null. */
export function averageDisabledReason(state: Store): string | null {
  const common = commonDisabledReason(state);
  if (common !== null) return common;
  if (state.knowledge?.origin === 'none') return 'This model came without a list of facts it knows.';
  const count = parseFactCount(state.factCount);
  return typeof count === 'string' ? `Number of facts: ${count}` : null;
}

/** Which trace the curves are of; null before there is any. */
export function curveSourceOf(
  state: Pick<Store, 'traced' | 'averageTrace' | 'curveSource'>,
): 'prompt' | 'average' | null {
  if (state.averageTrace && (state.curveSource === 'average' || !state.traced)) return 'average';
  return state.traced ? 'prompt' : null;
}

/** The layers that the shown trace proposes. */
export function proposalOf(state: Pick<Store, 'traced' | 'averageTrace' | 'curveSource'>): LayerBand | null {
  const source = curveSourceOf(state);
  return (
    (source === 'average' ? state.averageTrace?.band : source === 'prompt' ? state.traced?.view.band : null) ?? null
  );
}

/** The layers drawn on the pictures: those set by hand, else the proposed ones. */
export function bandOf(state: Pick<Store, 'traced' | 'averageTrace' | 'curveSource' | 'bandByHand'>): Band | null {
  if (state.bandByHand) return state.bandByHand;
  const layers = proposalOf(state)?.layers ?? [];
  return layers.length === 0 ? null : { first: smallest(layers), last: largest(layers) };
}

export function bandLayers({ first, last }: Band): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** A trace of the same prompt before anything was edited stands beside the one to come. */
function besideOf(
  traced: TracedPrompt | null,
  { draftId, prompt, patches }: TraceQuestion,
  settings: TraceSettings,
): TracedPrompt | null {
  const same =
    traced?.complete === true &&
    traced.question.draftId === draftId &&
    traced.question.prompt === prompt &&
    JSON.stringify(traced.settings) === JSON.stringify(settings);
  return same && traced.question.patches === '' && patches !== '' ? traced : null;
}

export const createTraceSlice: Slice<TraceSlice> = (set, get) => {
  let turns = 0;

  function progress(event: Extract<TraceEvent, { kind: 'progress' }>, job: string): void {
    const { done, total, detail, secondsLeft } = event;
    const { traceTask } = get();
    if (traceTask) set({ traceTask: { ...traceTask, done, total, detail, secondsLeft } });
    get().advanceJob(job, total > 0 ? done / total : null);
  }

  /** Has the worker trace a prompt and keeps what comes under `name`. */
  async function follow(
    name: 'traced' | 'tracedUnedited',
    draft: EditDraft,
    question: TraceQuestion,
    settings: TraceSettings,
    job: string,
    current: () => boolean,
    onBegin: () => void = () => undefined,
  ): Promise<TraceView> {
    const view = await call('trace', draft, settings, name === 'tracedUnedited', (event) => {
      if (!current()) return;
      const traced = get()[name];
      if (event.kind === 'progress') progress(event, job);
      else if (event.kind === 'start') {
        onBegin();
        set({ [name]: { view: event.view, question, settings, complete: false } });
        set({ curveSource: 'prompt', bandByHand: null });
      } else if (traced) set({ [name]: { ...traced, view: withToken(traced.view, event) } });
    });
    if (current()) set({ [name]: { view, question, settings, complete: true } });
    return view;
  }

  /** Runs a trace as the current job; what it ends with is told, and what waited for it goes on. */
  async function perform(
    what: TraceTask['what'],
    label: string,
    body: (job: string, current: () => boolean) => Promise<string>,
  ): Promise<void> {
    turns += 1;
    const turn = turns;
    const current = (): boolean => turn === turns;
    const job = get().startJob('trace', label);
    const begun: TraceTask = {
      what,
      status: 'running',
      done: 0,
      total: 0,
      detail: '',
      secondsLeft: null,
      failure: null,
    };
    set({ traceTask: begun });
    const end = (change: Partial<TraceTask>): void => set({ traceTask: { ...(get().traceTask ?? begun), ...change } });
    try {
      const words = await body(job, current);
      if (!current()) return;
      end({ status: 'done' });
      get().announce(words);
    } catch (error) {
      if (!current()) return;
      const failure = toFailure(error);
      const cancelled = failure.code === 'cancelled';
      end({ status: cancelled ? 'cancelled' : 'failed', failure });
      if (cancelled) get().announce('The trace was cancelled.');
    } finally {
      get().endJob(job);
      if (current() && get().workTab === 'result') get().refreshComparison();
    }
  }

  return {
    traceSettings: TRACE_DEFAULTS,
    factCount: '50',
    traceDraftId: null,
    traced: null,
    tracedUnedited: null,
    averageTrace: null,
    traceTask: null,
    shownGrid: { kind: 'hidden', severed: 'none' },
    shownCurves: 'hidden',
    curveSource: 'prompt',
    bandByHand: null,

    resetTrace(averageTrace, window) {
      turns += 1;
      get().changeTraceSettings({ window: String(window) });
      set({ traceDraftId: null, traced: null, tracedUnedited: null, averageTrace, traceTask: null, bandByHand: null });
    },
    changeTraceSettings(change) {
      set({ traceSettings: { ...get().traceSettings, ...change } });
    },
    setFactCount(factCount) {
      set({ factCount });
    },
    chooseTraceDraft(traceDraftId) {
      set({ traceDraftId });
    },
    showGrid(kind, severed) {
      set({ shownGrid: { kind, severed } });
    },
    showCurves(shownCurves) {
      set({ shownCurves });
    },
    showCurveSource(curveSource) {
      set({ curveSource });
    },
    setBand(bandByHand) {
      set({ bandByHand });
    },
    applyBand(band) {
      const field = layersField(chosenMethod(get())?.fields ?? []);
      if (!field) return;
      get().setSetting(field.name, bandLayers(band).join(', '));
      get().announce(`The next run edits layers ${band.first} to ${band.last}.`);
    },

    async startTrace(draftId) {
      get().showWork('trace');
      if (draftId !== undefined) set({ traceDraftId: draftId });
      if (traceDisabledReason(get()) !== null) return;
      // A row that was typed a moment ago is judged before it is traced.
      await get().inspectNow();
      const draft = draftToTrace(get());
      const { settings } = parseTraceSettings(get().traceSettings);
      if (traceDisabledReason(get()) !== null || !draft || !settings) return;
      const question: TraceQuestion = {
        draftId: draft.id,
        prompt: promptKey(draft),
        patches: enabledPatchesKey(get().history.patches),
      };
      const number = get().drafts.indexOf(draft) + 1;
      await perform('prompt', `Tracing edit ${number}`, async (job, current) => {
        const begin = (): void => set({ tracedUnedited: besideOf(get().traced, question, settings) });
        const view = await follow('traced', draft, question, settings, job, current, begin);
        return `Edit ${number} is traced. ${view.band?.reason ?? ''}`;
      });
    },

    async traceUnedited() {
      const { traced, drafts } = get();
      const draft = drafts.find(({ id }) => id === traced?.question.draftId);
      if (!traced || !draft || commonDisabledReason(get()) !== null) return;
      const question = { ...traced.question, patches: '' };
      await perform('prompt', 'Tracing the unedited model', async (job, current) => {
        await follow('tracedUnedited', draft, question, traced.settings, job, current);
        return 'The unedited model is traced.';
      });
    },

    async startAverageTrace() {
      const count = parseFactCount(get().factCount);
      const { settings } = parseTraceSettings(get().traceSettings);
      if (averageDisabledReason(get()) !== null || typeof count === 'string' || !settings) return;
      await perform('average', `Tracing ${count} facts`, async (job, current) => {
        const averageTrace = await call('averageTrace', count, settings, (event) => {
          if (current() && event.kind === 'progress') progress(event, job);
        });
        if (current()) set({ averageTrace, curveSource: 'average', bandByHand: null });
        void get().refreshKnowledge();
        return `${averageTrace.facts} facts are traced. ${averageTrace.band?.reason ?? ''}`;
      });
    },
  };
};
