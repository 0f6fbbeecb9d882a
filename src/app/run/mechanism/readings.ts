/** The numbers of the picture, as far as a run has come. Pure. */
import type { RunFigures, RunView } from '../../store/run.ts';
import { lossCurve } from '../losses.ts';
import { closedBy, closedSoFar } from '../residuals.ts';

export interface LayerReading {
  layer: number;
  /** ‖ΔW‖/‖W‖ */
  ratio: number;
  /** What is missing to z before and after the layer, as shares of what was at first; null where not measured yet. */
  before: number;
  after: number | null;
}

export interface TargetReading {
  step: number;
  /** ‖δ‖/‖h‖ */
  deltaRatio: number;
  /** Of the object, per token: e to the power of −NLL. */
  probability: number;
}

export interface Readings {
  target: TargetReading | null;
  layers: LayerReading[];
  /** The layer whose weights are being computed; null when none is. */
  active: number | null;
}

export const NO_READINGS: Readings = { target: null, layers: [], active: null };

/** Of one edit, or with null in the mean over all of them; while a run goes on, residuals are known in the mean only. */
export function readingsOf(run: RunFigures, edit: number | null, activeLayer: number | null): Readings {
  const last = lossCurve(run.losses, edit).at(-1);
  const closed = run.residuals.length > 0 ? closedBy(run.residuals, edit) : closedSoFar(run.reports);
  const whole = closed.at(0)?.before ?? 0;
  const share = (value: number): number => (whole > 0 ? value / whole : 0);
  return {
    target: last ? { step: last.step, deltaRatio: last.deltaRatio, probability: Math.exp(-last.nll) } : null,
    layers: run.reports.flatMap(({ layer, ratio }) => {
      const found = closed.find((each) => each.layer === layer);
      if (!found) return [];
      return [{ layer, ratio, before: share(found.before), after: found.after === null ? null : share(found.after) }];
    }),
    active: activeLayer,
  };
}

/** The layer that a run is at, once it has left the first one. */
export function activeLayer({ status, layers, reports }: RunView): number | null {
  if (status !== 'running' || reports.length === 0) return null;
  return layers.at(reports.length) ?? null;
}
