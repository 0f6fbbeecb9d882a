/** Which edits of a run took, and what is in the way of the others: read from its report. */
import type { EditOutcome, RunReport } from '../methods/report.ts';
import type { StepLosses } from '../targets/losses.ts';
import type { EditRequest } from '../tokens/request.ts';
import { requestNotes } from '../tokens/request-notes.ts';

export interface EditVerdict {
  /** `already`: the model said the new object before the run, and still does. */
  readonly status: 'took' | 'already' | 'missed';
  /** Of an edit that did not take, in sentences; else empty. */
  readonly reason: string;
}

/** A loss that is left at more than this share of the first one did not fall. */
const FALLEN = 0.9;

/** In the order of the requests; null of a report that tells no outcomes. */
export function verdictsOf(
  requests: readonly EditRequest[],
  { outcomes, losses }: Pick<RunReport, 'outcomes' | 'losses'>,
): EditVerdict[] | null {
  if (outcomes?.length !== requests.length) return null;
  const ends = firstAndLast(losses);
  const contradicted = new Map<number, number>();
  for (const { request, earlier, kind } of requestNotes(requests)) {
    if (kind !== 'conflict') continue;
    contradicted.set(request, earlier);
    contradicted.set(earlier, contradicted.get(earlier) ?? request);
  }
  return outcomes.map((outcome, i) => {
    if (outcome.says) return { status: outcome.saidBefore ? 'already' : 'took', reason: '' };
    const reasons = [missed(requests[i], outcome), ...stuck(ends.get(i)), ...against(contradicted.get(i))];
    return { status: 'missed', reason: reasons.join(' ') };
  });
}

function missed({ targetNew }: EditRequest, { probability, top }: EditOutcome): string {
  return `“${top.trim()}” comes first; “${targetNew.trim()}” has ${(100 * probability).toFixed(1)} %.`;
}

function stuck(ends: readonly [StepLosses, StepLosses] | undefined): string[] {
  if (!ends) return [];
  const [first, last] = ends;
  if (last.step === 0 || last.nll < FALLEN * first.nll) return [];
  return [`Its loss did not fall in ${last.step + 1} steps (${first.nll.toFixed(1)} to ${last.nll.toFixed(1)}).`];
}

function against(other: number | undefined): string[] {
  return other === undefined ? [] : [`Edit ${other + 1} wants another object for the same prompt.`];
}

function firstAndLast(losses: readonly StepLosses[]): Map<number, [StepLosses, StepLosses]> {
  const ends = new Map<number, [StepLosses, StepLosses]>();
  for (const loss of losses) {
    const known = ends.get(loss.edit);
    if (known) known[1] = loss;
    else ends.set(loss.edit, [loss, loss]);
  }
  return ends;
}
