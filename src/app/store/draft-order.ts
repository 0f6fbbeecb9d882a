/** Rows of edits taken out, put back and moved among each other. Pure. */
import type { EditDraft } from '../../worker/api.ts';

/** A row that was taken out, and its place in the list. */
export interface RemovedRow {
  draft: EditDraft;
  index: number;
}

export function withoutRows(
  drafts: readonly EditDraft[],
  ids: ReadonlySet<string>,
): { drafts: EditDraft[]; removed: RemovedRow[] } {
  return {
    drafts: drafts.filter(({ id }) => !ids.has(id)),
    removed: drafts.flatMap((draft, index) => (ids.has(draft.id) ? [{ draft, index }] : [])),
  };
}

/** Each at its old place, or at the end of a list that became shorter. */
export function withRowsBack(drafts: readonly EditDraft[], removed: readonly RemovedRow[]): EditDraft[] {
  const back: EditDraft[] = [];
  let rest = 0;
  for (const { draft, index } of removed) {
    while (back.length < index && rest < drafts.length) back.push(drafts[rest++]);
    back.push(draft);
  }
  return [...back, ...drafts.slice(rest)];
}

/** The chosen rows one place up (−1) or down (1); those that stand at the end already stay, in their order. */
export function withRowsMoved(drafts: readonly EditDraft[], ids: ReadonlySet<string>, by: -1 | 1): EditDraft[] {
  const order = by < 0 ? [...drafts] : [...drafts].reverse();
  for (let i = 1; i < order.length; i += 1) {
    if (ids.has(order[i].id) && !ids.has(order[i - 1].id)) [order[i - 1], order[i]] = [order[i], order[i - 1]];
  }
  return by < 0 ? order : order.reverse();
}
