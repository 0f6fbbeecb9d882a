/** The run that goes on now or went last. */
import type {
  EditDraft,
  EditResidual,
  LayerReport,
  MethodPhase,
  MethodSettings,
  MethodView,
  PromptTokens,
  RunEvent,
  StepLoss,
  WorkerFailure,
} from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { midSentence } from '../format.ts';
import { call } from './connection.ts';
import { enabledPatchesKey, inspectionKey, isBlank } from './drafts.ts';
import { modelDisabledReason } from './disabled-reasons.ts';
import { chosenMethod, parsedSettings, settingsFault } from './method.ts';
import { layersField } from './settings.ts';
import type { Slice, Store } from './index.ts';

const LOSSES_DELAY_MS = 250;

export interface PhaseProgress {
  done: number;
  total: number;
  detail: string;
  secondsLeft: number | null;
}

export type RunStatus = 'running' | 'done' | 'cancelled' | 'failed';

export interface RunEdit {
  subject: string;
  object: string;
  /** Null where they are still to be asked. */
  prompt: PromptTokens | null;
}

/** What the charts draw of a run. */
export interface RunFigures {
  edits: RunEdit[];
  /** The most steps an edit takes, for the length of the axis; null where the settings do not say. */
  steps: number | null;
  /** Those that are edited; empty where the settings do not say. */
  layers: number[];
  losses: StepLoss[];
  reports: LayerReport[];
  /** Known when the run is done. */
  residuals: EditResidual[];
}

/** One run as it is watched: what it was asked and what came back so far. */
export interface RunView extends RunFigures {
  status: RunStatus;
  /** 'asked': it is held before its next step. */
  pause: 'none' | 'asked' | 'held';
  /** Since when it is held, as Date.now has it; and seconds that it was held before. */
  heldSince: number | null;
  heldSeconds: number;
  /** Of its method, in order. */
  phases: readonly MethodPhase[];
  /** By the phases' ids; of those that have begun. */
  progress: Partial<Record<string, PhaseProgress>>;
  /** What the run said by the way, in sentences. */
  notes: string[];
  startedAt: number;
  seconds: number | null;
  patchId: string | null;
  failure: WorkerFailure | null;
}

export interface RunSlice {
  /** Null until something was run on this model since it was loaded. */
  run: RunView | null;
  /** Of patches' edits, by patch and number: "id 0". */
  editTokens: Readonly<Partial<Record<string, PromptTokens>>>;
  resetRun(): void;
  askEditTokens(patchId: string, edit: number): Promise<void>;
  /** @param fresh searches every target anew, also those that an earlier run found */
  startRun(fresh?: boolean): Promise<void>;
  pauseRun(): Promise<void>;
  /** Lets a held run go on, all the way or by one step. */
  resumeRun(by?: 'open' | 'step'): Promise<void>;
}

/** Why Run cannot be pressed, in words, or null. */
export function runDisabledReason(state: Store): string | null {
  const { job } = state;
  const disabledReason = modelDisabledReason(state);
  if (disabledReason !== null) return disabledReason;
  if (job) return job.kind === 'run' ? 'A run is under way.' : `Wait until this is done: ${midSentence(job.label)}.`;
  if (state.drafts.length === 0) return 'There is no edit yet: add one.';
  const fault = draftFault(state);
  if (fault !== null) return fault;
  const settingFault = settingsFault(state);
  return settingFault === null ? null : `A setting needs attention: ${settingFault}`;
}

function draftFault(state: Store): string | null {
  const patches = enabledPatchesKey(state.history.patches);
  for (const [i, draft] of state.drafts.entries()) {
    if (isBlank(draft)) return `Edit ${i + 1} is empty: fill it in or remove it.`;
    const known = state.inspections[draft.id];
    const fault = known?.key === inspectionKey(draft, patches) ? known.row.faults.at(0) : undefined;
    if (fault) return `Edit ${i + 1}: ${fault.message}`;
  }
  return null;
}

/**
 * What the settings tell the charts beforehand: the layers, of which the method's fields say where they stand, and the steps, which
 * every method that seeks a target state calls `steps`.
 */
export function plannedFigures(
  method: MethodView | null,
  settings: MethodSettings,
): Pick<RunFigures, 'steps' | 'layers'> {
  const { steps } = settings;
  const field = layersField(method?.fields ?? []);
  const layers = field ? settings[field.name] : [];
  return {
    steps: typeof steps === 'number' ? steps : null,
    layers: Array.isArray(layers) ? layers.filter((layer) => typeof layer === 'number') : [],
  };
}

export const createRunSlice: Slice<RunSlice> = (set, get) => {
  function update(change: (run: RunView) => Partial<RunView>): void {
    const { run } = get();
    if (run) set({ run: { ...run, ...change(run) } });
  }

  let pending: StepLoss[][] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Drawn a few times a second: of thousands of edits they come so often that every one, drawn, would redraw all before it. */
  function takeLosses(losses: StepLoss[]): void {
    pending.push(losses);
    timer ??= setTimeout(showLosses, LOSSES_DELAY_MS);
  }

  function showLosses(): void {
    clearTimeout(timer);
    timer = undefined;
    const losses = pending.flat();
    pending = [];
    if (losses.length > 0) update((run) => ({ losses: [...run.losses, ...losses] }));
  }

  function take(event: RunEvent, job: string, phases: readonly MethodPhase[]): void {
    if (event.kind === 'loss') takeLosses(event.losses);
    else if (event.kind === 'layer') update((run) => ({ reports: [...run.reports, event.report] }));
    else if (event.kind === 'paused') {
      showLosses();
      update(() => ({ pause: 'held', heldSince: Date.now() }));
      get().announce('The run is held.');
    } else if (event.kind === 'note') update((run) => ({ notes: [...run.notes, event.text] }));
    else {
      const { phase, done, total, detail, secondsLeft } = event;
      update((run) => ({ progress: { ...run.progress, [phase]: { done, total, detail, secondsLeft } } }));
      const finished = phases.findIndex(({ id }) => id === phase);
      if (finished >= 0) get().advanceJob(job, (finished + (total > 0 ? done / total : 0)) / phases.length);
    }
  }

  function editOf(draft: EditDraft): RunEdit {
    const prompt = get().inspections[draft.id]?.row ?? null;
    return { subject: draft.subject.trim(), object: draft.object.trim(), prompt };
  }

  return {
    run: null,
    editTokens: {},

    resetRun() {
      set({ run: null, editTokens: {} });
    },

    async askEditTokens(patchId, edit) {
      const { model } = get();
      try {
        const tokens = await call('editTokens', patchId, edit);
        if (get().model === model) set({ editTokens: { ...get().editTokens, [`${patchId} ${edit}`]: tokens } });
      } catch {
        // The patch is gone, or a cancel reached the question: there is a picture less.
      }
    },

    async pauseRun() {
      if (get().run?.status !== 'running') return;
      update(() => ({ pause: 'asked' }));
      await call('pause').catch(() => undefined);
    },

    async resumeRun(by = 'open') {
      update(({ heldSince, heldSeconds }) => ({
        pause: by === 'step' ? 'asked' : 'none',
        heldSince: null,
        heldSeconds: heldSeconds + (heldSince === null ? 0 : (Date.now() - heldSince) / 1000),
      }));
      await call('goOn', by).catch(() => undefined);
    },

    async startRun(fresh = false) {
      if (runDisabledReason(get()) !== null) return;
      // A row that was typed a moment ago is judged before it is run.
      await get().inspectNow();
      const { drafts } = get();
      const method = chosenMethod(get());
      const settings = parsedSettings(get())?.settings;
      if (runDisabledReason(get()) !== null || !method || !settings) return;
      const startedAt = Date.now();
      const before = new Set(get().history.patches.map((patch) => patch.id));
      const job = get().startJob('run', `Running ${method.label}`);
      set({
        workTab: 'run',
        column: 'work',
        run: {
          status: 'running',
          pause: 'none',
          heldSince: null,
          heldSeconds: 0,
          edits: drafts.map(editOf),
          ...plannedFigures(method, settings),
          phases: method.phases,
          progress: {},
          notes: [],
          losses: [],
          reports: [],
          residuals: [],
          startedAt,
          seconds: null,
          patchId: null,
          failure: null,
        },
      });
      const ended = (): number => (Date.now() - startedAt) / 1000;
      try {
        const history = await call('run', drafts, method.id, settings, fresh, (event) =>
          take(event, job, method.phases),
        );
        showLosses();
        const patch = history.patches.findLast((candidate) => !before.has(candidate.id));
        update((run) => ({
          status: 'done',
          pause: 'none',
          seconds: patch?.seconds ?? ended(),
          patchId: patch?.id ?? null,
          losses: patch?.losses ?? run.losses,
          reports: patch?.layers ?? run.reports,
          residuals: patch?.residuals ?? [],
        }));
        get().endJob(job);
        get().adoptHistory(history);
        get().announce('The run is done. Comparing before and after.');
        if (patch) set({ chosenPatchId: patch.id });
        void get().inspectNow();
        get().refreshComparison();
      } catch (error) {
        showLosses();
        const failure = toFailure(error);
        const cancelled = failure.code === 'cancelled';
        update(() => ({ status: cancelled ? 'cancelled' : 'failed', pause: 'none', seconds: ended(), failure }));
        // A failure's own notice is read out where it is shown.
        if (cancelled) get().announce('The run was cancelled; the model is as it was.');
      } finally {
        get().endJob(job);
      }
    },
  };
};
