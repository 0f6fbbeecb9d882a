/** Sweeps: one setting varied, or the number of edits, and what every value came to. */
import type { MethodView, SettingField } from '../../worker/api.ts';
import type { SweepPoint, SweepReport } from '../../worker/benchmark-api.ts';
import { call } from './connection.ts';
import { editDisabledReason } from './benchmark.ts';
import { measuring, type Measurement } from './measurement.ts';
import { chosenMethod, parsedSettings } from './method.ts';
import { sourceOf } from './records.ts';
import { settingToText } from './settings.ts';
import { EDITS_AXIS, parseValues, suggestedValues } from './sweep-values.ts';
import type { Slice, Store } from './index.ts';

/** Facts asked for damage at every value. */
const DAMAGE_FACTS = 120;

export interface SweepSlice {
  /** Name of the setting that is varied, or “edits”; null before one was chosen: the first that is offered. */
  sweepAxis: string | null;
  /** As typed, by axis. */
  sweepValues: Readonly<Partial<Record<string, string>>>;
  sweepDamage: boolean;
  sweepTask: Measurement | null;
  /** As far as it came. */
  sweep: { report: SweepReport; method: MethodView } | null;
  chooseSweepAxis(name: string): void;
  setSweepValues(text: string): void;
  setSweepDamage(on: boolean): void;
  startSweep(): Promise<void>;
  /** Takes a point's value for the next run. */
  applySweepPoint(point: SweepPoint): void;
  resetSweep(): void;
}

/** The settings that can be varied, in the order of the form but what is tried most first; the seed says nothing. */
export function sweepFields(method: MethodView | null): SettingField[] {
  const fields = (method?.fields ?? []).filter(({ name }) => name !== 'seed');
  const rank = ({ label, kind }: SettingField): number => ([...label].length === 1 ? 0 : kind === 'layers' ? 1 : 2);
  return fields.toSorted((a, b) => rank(a) - rank(b));
}

export function sweepAxisOf(state: Store): { name: string; field: SettingField | null } {
  const fields = sweepFields(chosenMethod(state));
  const name = state.sweepAxis ?? fields.at(0)?.name ?? EDITS_AXIS;
  return { name, field: fields.find((field) => field.name === name) ?? null };
}

function recordCountOf(state: Store): number {
  const { count } = sourceOf(state);
  return Number.isInteger(count) && count > 0 ? count : 1;
}

/** As typed, or as offered. */
export function sweepValuesText(state: Store): string {
  const { name, field } = sweepAxisOf(state);
  const { model } = state;
  const preset = field && chosenMethod(state)?.preset[field.name];
  return state.sweepValues[name] ?? suggestedValues(field, preset, model?.layerCount ?? 1, recordCountOf(state));
}

/** What is wrong with the values, in words, or null. */
export function sweepValuesFault(state: Store): string | null {
  const { field } = sweepAxisOf(state);
  const axis = parseValues(sweepValuesText(state), field, state.model?.layerCount ?? 1, recordCountOf(state));
  return typeof axis === 'string' ? axis : null;
}

/** Why no sweep can start now, in words, or null. */
export function sweepDisabledReason(state: Store): string | null {
  return editDisabledReason(state) ?? sweepValuesFault(state);
}

/** Of what was measured, the highest S; of equals the one that keeps most other facts, then the one that changes next words least. */
export function bestPoint({ points }: Pick<SweepReport, 'points'>): SweepPoint | null {
  const merits = ({ metrics, damage }: SweepPoint): number[] => [
    metrics.score?.mean ?? metrics.groups.rewrite?.success?.mean ?? -1,
    damage?.keptOverall ?? 0,
    -(damage?.divergence?.mean ?? 0),
  ];
  if (points.length < 2) return null;
  return points.reduce((best, point) => {
    const [old, now] = [merits(best), merits(point)];
    const at = now.findIndex((merit, i) => merit !== old[i]);
    return at >= 0 && now[at] > old[at] ? point : best;
  });
}

export const createSweepSlice: Slice<SweepSlice> = (set, get) => {
  const { perform, abandon } = measuring(set, get);
  return {
    sweepAxis: null,
    sweepValues: {},
    sweepDamage: true,
    sweepTask: null,
    sweep: null,

    chooseSweepAxis(sweepAxis) {
      set({ sweepAxis });
    },
    setSweepValues(text) {
      set({ sweepValues: { ...get().sweepValues, [sweepAxisOf(get()).name]: text } });
    },
    setSweepDamage(sweepDamage) {
      set({ sweepDamage });
    },
    async startSweep() {
      const state = get();
      if (sweepDisabledReason(state) !== null) return;
      const method = chosenMethod(state);
      const settings = parsedSettings(state)?.settings;
      const { field } = sweepAxisOf(state);
      const axis = parseValues(sweepValuesText(state), field, state.model?.layerCount ?? 1, recordCountOf(state));
      if (!method || !settings || typeof axis === 'string') return;
      const order = { axis, method: method.id, settings, damageFacts: state.sweepDamage ? DAMAGE_FACTS : 0 };
      set({ sweep: null });
      await perform('sweepTask', 'Sweeping', async (onEvent, current) => {
        const take = (report: SweepReport): void => {
          if (current()) set({ sweep: { report, method } });
        };
        const report = await call('sweep', sourceOf(state), order, onEvent, take);
        take(report);
        void get().refreshKnowledge();
        return `${report.points.length} values are measured.`;
      });
    },
    applySweepPoint({ value }) {
      const setting = get().sweep?.report.setting;
      if (setting == null) return;
      get().setSetting(setting, settingToText(value));
      get().announce('The value is set for the next run.');
    },
    resetSweep() {
      abandon();
      set({ sweepTask: null, sweep: null, sweepAxis: null, sweepValues: {} });
    },
  };
};
