/** The residual on its way up the layers: what each layer's change closes of it, and what is left. Pure. */
import type { EditResidual, LayerReport } from '../../worker/api.ts';

export interface ClosedResidual {
  layer: number;
  before: number;
  /** Null where the next layer has not measured it yet. */
  after: number | null;
}

/** Of one edit, or in the mean over all of them (null). */
export function closedBy(residuals: readonly EditResidual[], edit: number | null): ClosedResidual[] {
  const sums = new Map<number, { before: number; after: number; count: number }>();
  for (const residual of residuals) {
    if (edit !== null && residual.edit !== edit) continue;
    const sum = sums.get(residual.layer) ?? { before: 0, after: 0, count: 0 };
    sum.before += residual.before;
    sum.after += residual.after;
    sum.count += 1;
    sums.set(residual.layer, sum);
  }
  return [...sums].map(([layer, { before, after, count }]) => ({
    layer,
    before: before / count,
    after: after / count,
  }));
}

/** In the mean, of a run that goes on or that measured nothing after its last layer. */
export function closedSoFar(reports: readonly LayerReport[]): ClosedResidual[] {
  return reports.map(({ layer, meanResidual }, i) => ({
    layer,
    before: meanResidual,
    after: reports.at(i + 1)?.meanResidual ?? null,
  }));
}
