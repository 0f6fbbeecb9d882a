/** The list of edits as a file: the reference's requests, which the command line reads too, or a table. Pure. */
import type { EditDraft, Relation } from '../../worker/api.ts';
import type { Table } from '../shared/table.ts';
import { promptOf } from '../store/rows.ts';

/** In the form of the reference implementation (memit_main.py), which `memit edit --requests` takes. */
export function requestsJson(drafts: readonly EditDraft[], relations: readonly Relation[]): unknown {
  return drafts.map((draft, i) => ({
    case_id: i,
    prompt: promptOf(draft, relations),
    subject: draft.subject.trim(),
    target_new: { str: draft.object.trim() },
    ...(draft.relationId !== null && { relation_id: draft.relationId }),
  }));
}

export function requestsTable(drafts: readonly EditDraft[], relations: readonly Relation[]): Table {
  return {
    columns: ['subject', 'prompt', 'target_new', 'relation_id'],
    rows: drafts.map((draft) => [
      draft.subject.trim(),
      promptOf(draft, relations),
      draft.object.trim(),
      draft.relationId ?? '',
    ]),
  };
}
