/** Benchmarks: which records, what is done with them, and the report. */
import type { WorkerFailure } from '../../worker/api.ts';
import type {
  BenchmarkEvent,
  BenchmarkReport,
  DamageReport,
  RecordSetView,
  RecordSource,
} from '../../worker/benchmark-api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { enabledPatchesKey } from './drafts.ts';
import { busyObstacle } from './obstacles.ts';
import { parseSettings } from './settings.ts';
import type { Slice, Store } from './index.ts';

/** Numbers of known facts that are offered. */
export const KNOWN_COUNTS = ['1', '10', '100'] as const;
/** What is measured: so many known facts, or the imported records. */
export type BenchmarkChoice = (typeof KNOWN_COUNTS)[number] | 'imported';

export interface BenchmarkTask {
  status: 'running' | 'done' | 'cancelled' | 'failed';
  stage: string;
  done: number;
  total: number;
  secondsLeft: number | null;
  failure: WorkerFailure | null;
}

export interface BenchmarkSlice {
  benchmarkChoice: BenchmarkChoice;
  /** As typed; draws the known facts. */
  benchmarkSeed: string;
  imported: RecordSetView | null;
  importFailure: WorkerFailure | null;
  benchmarkTask: BenchmarkTask | null;
  report: BenchmarkReport | null;
  damageTask: BenchmarkTask | null;
  damage: { report: DamageReport; patches: string } | null;
  resetBenchmark(): void;
  chooseBenchmark(choice: BenchmarkChoice): void;
  setBenchmarkSeed(seed: string): void;
  importRecords(name: string, text: string): Promise<void>;
  /** Measures the records; with `edit`, writes their new objects before. */
  startBenchmark(edit: boolean): Promise<void>;
  /** Measures what the enabled patches did to everything else. */
  measureDamage(): Promise<void>;
}

const BEGUN: BenchmarkTask = { status: 'running', stage: '', done: 0, total: 0, secondsLeft: null, failure: null };
/** Facts asked for damage. */
const DAMAGE_FACTS = 300;

/** Why damage cannot be measured now, in words, or null. */
export function damageObstacle(state: Store): string | null {
  const busy = busyObstacle(state);
  if (busy !== null) return busy;
  return state.history.patches.some((patch) => patch.enabled)
    ? null
    : 'No patch is switched on: the model is as it came.';
}

/** The seed as a number, or what is wrong with it. */
export function parseSeed(text: string): number | string {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : 'The seed is a whole number from 0 to 999,999,999.';
}

/** Why nothing can be measured now, in words, or null. */
export function benchmarkObstacle(state: Store): string | null {
  const busy = busyObstacle(state);
  if (busy !== null) return busy;
  if (state.benchmarkChoice === 'imported') return state.imported ? null : 'Import a file of records first.';
  const seed = parseSeed(state.benchmarkSeed);
  return typeof seed === 'string' ? seed : null;
}

/** The same for editing first, which needs settings as well. */
export function editObstacle(state: Store): string | null {
  const obstacle = benchmarkObstacle(state);
  if (obstacle !== null) return obstacle;
  if (!state.model || !state.settingsText) return 'The model is still loading.';
  const fault = Object.values(parseSettings(state.settingsText, state.model.layerCount).faults).at(0);
  return fault === undefined ? null : `A setting of the run needs attention: ${fault}`;
}

export const createBenchmarkSlice: Slice<BenchmarkSlice> = (set, get) => {
  let turns = 0;

  function sourceOf({ benchmarkChoice, benchmarkSeed }: Store): RecordSource {
    if (benchmarkChoice === 'imported') return { kind: 'imported' };
    return { kind: 'known', count: Number(benchmarkChoice), seed: Number(benchmarkSeed) };
  }

  /** Runs a measurement as the current job and keeps its progress and its end under `name`. */
  async function perform(
    name: 'benchmarkTask' | 'damageTask',
    label: string,
    body: (onEvent: (event: BenchmarkEvent) => void, current: () => boolean) => Promise<string>,
    afterFailure: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    turns += 1;
    const turn = turns;
    const current = (): boolean => turn === turns;
    const job = get().startJob('benchmark', label);
    const change = (part: Partial<BenchmarkTask>): void => {
      if (current()) set({ [name]: { ...(get()[name] ?? BEGUN), ...part } });
    };
    set({ [name]: BEGUN });
    try {
      const words = await body((event) => {
        change(event);
        get().advanceJob(job, event.total > 0 ? event.done / event.total : null);
      }, current);
      get().endJob(job);
      change({ status: 'done' });
      get().announce(words);
    } catch (error) {
      const failure = toFailure(error);
      const cancelled = failure.code === 'cancelled';
      change({ status: cancelled ? 'cancelled' : 'failed', failure });
      if (cancelled) get().announce('The measurement was cancelled.');
      get().endJob(job);
      await afterFailure();
    }
  }

  return {
    benchmarkChoice: '10',
    benchmarkSeed: '0',
    imported: null,
    importFailure: null,
    benchmarkTask: null,
    report: null,
    damageTask: null,
    damage: null,

    resetBenchmark() {
      turns += 1;
      set({ benchmarkTask: null, report: null, damageTask: null, damage: null });
    },
    chooseBenchmark(benchmarkChoice) {
      set({ benchmarkChoice });
    },
    setBenchmarkSeed(benchmarkSeed) {
      set({ benchmarkSeed });
    },

    async importRecords(name, text) {
      set({ importFailure: null });
      try {
        const imported = await call('importRecords', name, text);
        set({ imported, benchmarkChoice: 'imported' });
        get().announce(`${imported.count} records are read.`);
      } catch (error) {
        set({ importFailure: toFailure(error) });
      }
    },

    async measureDamage() {
      if (damageObstacle(get()) !== null) return;
      const patches = enabledPatchesKey(get().history.patches);
      await perform('damageTask', 'Measuring damage', async (onEvent, current) => {
        const report = await call('damage', DAMAGE_FACTS, onEvent);
        if (current()) set({ damage: { report, patches } });
        return 'The damage is measured.';
      });
    },

    async startBenchmark(edit) {
      const state = get();
      if ((edit ? editObstacle(state) : benchmarkObstacle(state)) !== null || !state.model || !state.settingsText)
        return;
      const settings = edit ? parseSettings(state.settingsText, state.model.layerCount).settings : null;
      await perform(
        'benchmarkTask',
        edit ? 'Editing and measuring records' : 'Measuring records',
        async (onEvent, current) => {
          const { report, history } = await call('benchmark', sourceOf(state), settings, onEvent);
          if (current()) set({ report });
          if (edit) get().adoptHistory(history);
          void get().inspectNow();
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
