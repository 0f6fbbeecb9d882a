/** The loss curves behind the chart. Pure. */
import type { StepLoss } from '../../worker/api.ts';

export interface LossPoint {
  step: number;
  loss: number;
  nll: number;
  kl: number;
  decay: number;
  /** ‖δ‖ / ‖h0‖ */
  deltaRatio: number;
}

const terms = ['loss', 'nll', 'kl', 'decay', 'deltaRatio'] as const;

function byStep(losses: StepLoss[]): Map<number, StepLoss[]> {
  const steps = new Map<number, StepLoss[]>();
  for (const loss of losses) {
    const at = steps.get(loss.step);
    if (at) at.push(loss);
    else steps.set(loss.step, [loss]);
  }
  return steps;
}

/**
 * The curve of one edit, or with `edit` null the mean over all of them; an edit that stopped early counts on with its
 * last values, so that the mean does not jump when it leaves.
 */
export function lossCurve(losses: StepLoss[], edit: number | null): LossPoint[] {
  const wanted = edit === null ? losses : losses.filter((loss) => loss.edit === edit);
  const latest = new Map<number, StepLoss>();
  const points: LossPoint[] = [];
  // Kept up as the edits' values change: summed anew, every step would cost all edits.
  const sums = { loss: 0, nll: 0, kl: 0, decay: 0, deltaRatio: 0 };
  for (const [step, at] of [...byStep(wanted)].sort(([a], [b]) => a - b)) {
    for (const loss of at) {
      const before = latest.get(loss.edit);
      for (const term of terms) sums[term] += loss[term] - (before?.[term] ?? 0);
      latest.set(loss.edit, loss);
    }
    const point: LossPoint = { step, ...sums };
    for (const term of terms) point[term] /= latest.size;
    points.push(point);
  }
  return points;
}
