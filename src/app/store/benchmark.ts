/** Benchmarks: what is measured how, the reports that came of it, and damage. */
import type { MethodView } from '../../worker/api.ts';
import type { BenchmarkOptions, BenchmarkReport, DamageReport } from '../../worker/benchmark-api.ts';
import { call } from './connection.ts';
import { enabledPatchesKey } from './drafts.ts';
import { busyDisabledReason } from './disabled-reasons.ts';
import { measuring, type Measurement } from './measurement.ts';
import { chosenMethod, parsedSettings, settingsFault } from './method.ts';
import { recordsDisabledReason, sourceOf } from './records.ts';
import type { Slice, Store } from './index.ts';

/** A report among those of this visit. */
export interface NumberedReport {
  /** From 1. */
  number: number;
  report: BenchmarkReport;
  /** Of the run whose settings it has; null where nothing was written. */
  method: MethodView | null;
}

export interface BenchmarkSlice {
  /** Edit from the unedited model, with the other patches off. */
  benchmarkUnedited: boolean;
  /** Let the model write texts as well. */
  benchmarkTexts: boolean;
  benchmarkTask: Measurement | null;
  /** Oldest first. */
  reports: readonly NumberedReport[];
  /** Numbers of the report that is shown and of the one it is compared with. */
  shownNumber: number | null;
  besideNumber: number | null;
  damageTask: Measurement | null;
  damage: { report: DamageReport; patches: string } | null;
  resetBenchmark(): void;
  setBenchmarkUnedited(on: boolean): void;
  setBenchmarkTexts(on: boolean): void;
  showReport(number: number): void;
  showBeside(number: number | null): void;
  /** Measures the records; with `edit`, writes their new objects before. */
  startBenchmark(edit: boolean): Promise<void>;
  /** Measures what the enabled patches did to everything else. */
  measureDamage(): Promise<void>;
}

/** Facts asked for damage. */
const DAMAGE_FACTS = 300;
/** Reports that are kept; the oldest goes. */
const KEPT_REPORTS = 8;

/** The report that is shown. */
export function shownReport({ reports, shownNumber }: Store): NumberedReport | null {
  return reports.find(({ number }) => number === shownNumber) ?? null;
}

/** The report that the shown one is compared with. */
export function besideReport({ reports, shownNumber, besideNumber }: Store): NumberedReport | null {
  if (besideNumber === shownNumber) return null;
  return reports.find(({ number }) => number === besideNumber) ?? null;
}

/** Why damage cannot be measured now, in words, or null. */
export function damageDisabledReason(state: Store): string | null {
  const busy = busyDisabledReason(state);
  if (busy !== null) return busy;
  return state.history.patches.some((patch) => patch.enabled)
    ? null
    : 'No patch is switched on: the model is as it came.';
}

/** Why nothing can be measured now, in words, or null. */
export function benchmarkDisabledReason(state: Store): string | null {
  return busyDisabledReason(state) ?? recordsDisabledReason(state);
}

/** Why nothing can be edited and measured now, in words, or null: the run that edits needs settings besides records. */
export function editDisabledReason(state: Store): string | null {
  const disabledReason = benchmarkDisabledReason(state);
  if (disabledReason !== null) return disabledReason;
  const fault = settingsFault(state);
  return fault === null ? null : `A setting of the run needs attention: ${fault}`;
}

/** The run that writes the new objects: the chosen method with what is typed for it. */
function editOf(state: Store): BenchmarkOptions['edit'] {
  const settings = parsedSettings(state)?.settings;
  if (state.methodId === null || !settings) return null;
  return { method: state.methodId, settings, unedited: state.benchmarkUnedited };
}

export const createBenchmarkSlice: Slice<BenchmarkSlice> = (set, get) => {
  const { perform, abandon } = measuring(set, get);
  let lastNumber = 0;

  return {
    benchmarkUnedited: false,
    benchmarkTexts: false,
    benchmarkTask: null,
    reports: [],
    shownNumber: null,
    besideNumber: null,
    damageTask: null,
    damage: null,

    resetBenchmark() {
      abandon();
      set({ benchmarkTask: null, reports: [], shownNumber: null, besideNumber: null, damageTask: null, damage: null });
    },
    setBenchmarkUnedited(benchmarkUnedited) {
      set({ benchmarkUnedited });
    },
    setBenchmarkTexts(benchmarkTexts) {
      set({ benchmarkTexts });
    },
    showReport(shownNumber) {
      set({ shownNumber });
    },
    showBeside(besideNumber) {
      set({ besideNumber });
    },

    async measureDamage() {
      if (damageDisabledReason(get()) !== null) return;
      const patches = enabledPatchesKey(get().history.patches);
      await perform('damageTask', 'Measuring damage', async (onEvent, current) => {
        const report = await call('damage', DAMAGE_FACTS, onEvent);
        if (current()) set({ damage: { report, patches } });
        return 'The damage is measured.';
      });
    },

    async startBenchmark(edit) {
      const state = get();
      if ((edit ? editDisabledReason(state) : benchmarkDisabledReason(state)) !== null) return;
      const options = { edit: edit ? editOf(state) : null, generate: state.benchmarkTexts };
      const method = edit ? chosenMethod(state) : null;
      await perform(
        'benchmarkTask',
        edit ? 'Editing and measuring records' : 'Measuring records',
        async (onEvent, current) => {
          const { report, history } = await call('benchmark', sourceOf(state), options, onEvent);
          if (current()) {
            lastNumber += 1;
            const reports = [...get().reports, { number: lastNumber, report, method }].slice(-KEPT_REPORTS);
            set({ reports, shownNumber: lastNumber });
          }
          if (edit) get().adoptHistory(history);
          void get().inspectNow();
          void get().refreshKnowledge();
          return `${report.cases.length} records are measured.`;
        },
        async () => {
          // The run may have been done by then: its patch is on the stack.
          if (edit && !get().workerLost) await call('history').then(get().adoptHistory, () => undefined);
        },
      );
    },
  };
};
