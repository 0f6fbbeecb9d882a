/** Which records of a report are listed, and in what order. Pure. */
import type { CaseView, PromptGroup } from '../../worker/benchmark-api.ts';

/** 'differs': comes out otherwise in the report that this one is compared with. */
export type CaseFilter = 'all' | 'failed' | 'differs' | PromptGroup;
export type CaseOrder = 'file' | 'subject' | 'worst';

export interface ChosenCase {
  /** Its place in the report. */
  readonly index: number;
  readonly view: CaseView;
}

export function chosenCases(
  cases: readonly CaseView[],
  {
    search,
    filter,
    order,
    differing = null,
  }: { search: string; filter: CaseFilter; order: CaseOrder; differing?: ReadonlySet<number> | null },
): ChosenCase[] {
  const wanted = search.trim().toLowerCase();
  const chosen = cases
    .map((view, index) => ({ view, index }))
    .filter(({ index, view }) => (filter === 'differs' ? differing?.has(index) : failsAt(view, filter)))
    .filter(({ view }) => wanted === '' || textOf(view).includes(wanted));
  if (order === 'subject') chosen.sort((a, b) => a.view.subject.localeCompare(b.view.subject));
  if (order === 'worst') chosen.sort((a, b) => worth(a.view) - worth(b.view));
  return chosen;
}

function failsAt({ shares }: CaseView, filter: Exclude<CaseFilter, 'differs'>): boolean {
  if (filter === 'all') return true;
  if (filter === 'failed') return Object.values(shares).some((share) => share !== null && share < 1);
  const share = shares[filter];
  return share !== null && share < 1;
}

function textOf({ subject, targetNew, targetTrue, prompts }: CaseView): string {
  return [subject, targetNew, targetTrue, ...prompts.map(({ prompt }) => prompt)].join('\n').toLowerCase();
}

/** The mean of the shares. */
function worth({ shares }: CaseView): number {
  const known = Object.values(shares).filter((share) => share !== null);
  return known.reduce((sum, share) => sum + share, 0) / known.length;
}
