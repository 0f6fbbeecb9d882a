/** The settings of the next run, and the run that goes on now or went last. */
import type { EditDraft, LayerReport, RunEvent, RunPhase, StepLoss, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { enabledPatchesKey, inspectionKey, isBlank } from './drafts.ts';
import { modelDisabledReason } from './disabled-reasons.ts';
import { parseSettings, settingsToText, type SettingName, type SettingsText } from './settings.ts';
import { writeSettings } from './storage.ts';
import type { Slice, Store } from './index.ts';

export const PHASES: readonly RunPhase[] = ['contexts', 'statistics', 'targets', 'spread'];

export interface PhaseProgress {
  done: number;
  total: number;
  detail: string;
  secondsLeft: number | null;
}

export type RunStatus = 'running' | 'done' | 'cancelled' | 'failed';

/** One run as it is watched: what it was asked and what came back so far. */
export interface RunView {
  status: RunStatus;
  edits: { subject: string; object: string }[];
  steps: number;
  layers: number[];
  phases: Partial<Record<RunPhase, PhaseProgress>>;
  losses: StepLoss[];
  reports: LayerReport[];
  startedAt: number;
  seconds: number | null;
  patchId: string | null;
  failure: WorkerFailure | null;
}

export interface RunSlice {
  settingsText: SettingsText | null;
  /** Null until something was run on this model since it was loaded. */
  run: RunView | null;
  resetRun(settings: SettingsText): void;
  setSetting(name: SettingName, text: string): void;
  resetSettings(): void;
  startRun(): Promise<void>;
}

/** Why Run cannot be pressed, in words, or null. */
export function runDisabledReason(state: Store): string | null {
  const { model, settingsText, job } = state;
  const disabledReason = modelDisabledReason(state);
  if (disabledReason !== null) return disabledReason;
  if (!model || !settingsText) return 'The model is still loading.';
  if (job) return job.kind === 'run' ? 'A run is under way.' : `Wait until this is done: ${job.label.toLowerCase()}.`;
  if (state.drafts.length === 0) return 'There is no edit yet: add one.';
  const fault = draftFault(state);
  if (fault) return fault;
  const settingFault = Object.values(parseSettings(settingsText, model.layerCount).faults).at(0);
  return settingFault === undefined ? null : `A setting needs attention: ${settingFault}`;
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

export const createRunSlice: Slice<RunSlice> = (set, get) => {
  function setText(settingsText: SettingsText): void {
    const { model } = get();
    set({ settingsText });
    if (model) writeSettings(model.hash, settingsText);
  }

  function update(change: (run: RunView) => Partial<RunView>): void {
    const { run } = get();
    if (run) set({ run: { ...run, ...change(run) } });
  }

  function take(event: RunEvent, job: string): void {
    if (event.kind === 'loss') update((run) => ({ losses: [...run.losses, ...event.losses] }));
    else if (event.kind === 'layer') update((run) => ({ reports: [...run.reports, event.report] }));
    else {
      const { phase, done, total, detail, secondsLeft } = event;
      update((run) => ({ phases: { ...run.phases, [phase]: { done, total, detail, secondsLeft } } }));
      const finished = PHASES.indexOf(phase);
      get().advanceJob(job, (finished + (total > 0 ? done / total : 0)) / PHASES.length);
    }
  }

  function nameEdit(draft: EditDraft): { subject: string; object: string } {
    return { subject: draft.subject.trim(), object: draft.object.trim() };
  }

  return {
    settingsText: null,
    run: null,

    resetRun(settingsText) {
      set({ settingsText, run: null });
    },
    setSetting(name, text) {
      const { settingsText } = get();
      if (settingsText) setText({ ...settingsText, [name]: text });
    },
    resetSettings() {
      const { model } = get();
      if (model) setText(settingsToText(model.preset));
    },

    async startRun() {
      if (runDisabledReason(get()) !== null) return;
      // A row that was typed a moment ago is judged before it is run.
      await get().inspectNow();
      const { model, drafts, settingsText } = get();
      if (runDisabledReason(get()) !== null || !model || !settingsText) return;
      const { settings } = parseSettings(settingsText, model.layerCount);
      if (!settings) return;
      const startedAt = Date.now();
      const before = new Set(get().history.patches.map((patch) => patch.id));
      const job = get().startJob('run', 'Running MEMIT');
      set({
        workTab: 'run',
        column: 'work',
        run: {
          status: 'running',
          edits: drafts.map(nameEdit),
          steps: settings.steps,
          layers: settings.layers,
          phases: {},
          losses: [],
          reports: [],
          startedAt,
          seconds: null,
          patchId: null,
          failure: null,
        },
      });
      const ended = (): number => (Date.now() - startedAt) / 1000;
      try {
        const history = await call('run', drafts, settings, (event) => take(event, job));
        const patch = history.patches.findLast((candidate) => !before.has(candidate.id));
        update((run) => ({
          status: 'done',
          seconds: patch?.seconds ?? ended(),
          patchId: patch?.id ?? null,
          losses: patch?.losses ?? run.losses,
          reports: patch?.layers ?? run.reports,
        }));
        get().endJob(job);
        get().adoptHistory(history);
        get().announce('The run is done. Comparing before and after.');
        if (patch) set({ chosenPatchId: patch.id });
        void get().inspectNow();
        get().refreshComparison();
      } catch (error) {
        const failure = toFailure(error);
        const cancelled = failure.code === 'cancelled';
        update(() => ({ status: cancelled ? 'cancelled' : 'failed', seconds: ended(), failure }));
        // A failure's own notice is read out where it is shown.
        if (cancelled) get().announce('The run was cancelled; the model is as it was.');
      } finally {
        get().endJob(job);
      }
    },
  };
};
