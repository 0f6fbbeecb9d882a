/** The list of edits as a list: which rows are open, chosen and looked for, in which order they stand, and what was taken out of it. */
import type { EditDraft, PatchEdit, PatchSummary, Relation } from '../../worker/api.ts';
import { formatPlural } from '../format.ts';
import { withoutRows, withRowsBack, withRowsMoved, type RemovedRow } from './draft-order.ts';
import { newId } from './ids.ts';
import { call } from './connection.ts';
import { isBlank } from './drafts.ts';
import type { Slice, Store } from './index.ts';

/** Removals that can be taken back. */
const MOST_REMOVALS = 20;

export const ROW_STATES = {
  all: 'all',
  fault: 'with a fault or warning',
  took: 'took',
  missed: 'did not take',
  fresh: 'not run yet',
} as const;
export type RowState = keyof typeof ROW_STATES;

export interface RowFilter {
  /** In subject, prompt or object. */
  text: string;
  state: RowState;
}

export const NO_FILTER: RowFilter = { text: '', state: 'all' };

export interface RowsSlice {
  /** Rows that were opened (true) or closed (false). */
  openedRows: Readonly<Partial<Record<string, boolean>>>;
  chosenRows: ReadonlySet<string>;
  rowFilter: RowFilter;
  /** What was removed, latest last. */
  removals: readonly (readonly RemovedRow[])[];
  openRow(id: string, open: boolean): void;
  chooseRows(ids: readonly string[], chosen: boolean): void;
  filterRows(filter: Partial<RowFilter>): void;
  /** With the row's id after the copied one. */
  duplicateRows(ids: readonly string[]): void;
  removeRows(ids: readonly string[]): void;
  /** Takes the last removal back. */
  undoRemoval(): void;
  forgetRemovals(): void;
  moveRows(ids: readonly string[], by: -1 | 1): void;
  /** Adds the edits of a file to the list; blank rows make room. @throws WorkerError where none can be read */
  addRowsOfFile(name: string, text: string): Promise<{ added: number; notes: string[] }>;
  resetRows(): void;
}

/** What came of an edit in the latest patch that has it. */
export interface RowOutcome extends Pick<PatchEdit, 'status' | 'reason'> {
  patch: string;
  enabled: boolean;
}

const outcomes = new WeakMap<readonly PatchSummary[], Map<string, RowOutcome>>();

function editKey(subject: string, prompt: string, object: string): string {
  return JSON.stringify([subject, prompt, object]);
}

/** Null of an edit that no patch has. */
export function outcomeOf(
  { history: { patches }, model }: Pick<Store, 'history' | 'model'>,
  draft: EditDraft,
): RowOutcome | null {
  let known = outcomes.get(patches);
  if (!known) {
    known = new Map();
    for (const { name: patch, enabled, edits } of patches) {
      for (const { subject, prompt, object, status, reason } of edits) {
        known.set(editKey(subject, prompt, object), { status, reason, patch, enabled });
      }
    }
    outcomes.set(patches, known);
  }
  const prompt = promptOf(draft, model?.relations ?? []);
  return known.get(editKey(draft.subject.trim(), prompt, draft.object.trim())) ?? null;
}

/** With {} for the subject. */
export function promptOf({ relationId, prompt }: EditDraft, relations: readonly Relation[]): string {
  const relation = relationId === null ? undefined : relations.find(({ id }) => id === relationId);
  return relation?.templates[0] ?? prompt.trim();
}

function isInState(state: Store, draft: EditDraft): boolean {
  const { state: wanted } = state.rowFilter;
  if (wanted === 'all') return true;
  if (wanted === 'fault') {
    const faults = state.inspections[draft.id]?.row.faults ?? [];
    return faults.length > 0 || state.rowWarnings[draft.id] !== undefined;
  }
  const outcome = outcomeOf(state, draft);
  if (wanted === 'fresh') return outcome === null;
  if (outcome === null) return false;
  return wanted === 'missed' ? outcome.status === 'missed' : outcome.status === 'took' || outcome.status === 'already';
}

/** Ids of the rows that are looked for, with their numbers in the list (from 1), as text that changes when they do. */
export function shownRows(state: Store): string {
  const { drafts, rowFilter, model } = state;
  const text = rowFilter.text.trim().toLowerCase();
  if (text === '' && rowFilter.state === 'all') return drafts.map(({ id }, i) => `${i + 1} ${id}`).join('\n');
  return drafts
    .flatMap((draft, i) => {
      const words = `${draft.subject}\n${promptOf(draft, model?.relations ?? [])}\n${draft.object}`.toLowerCase();
      return words.includes(text) && isInState(state, draft) ? [`${i + 1} ${draft.id}`] : [];
    })
    .join('\n');
}

export const createRowsSlice: Slice<RowsSlice> = (set, get) => ({
  openedRows: {},
  chosenRows: new Set(),
  rowFilter: NO_FILTER,
  removals: [],

  openRow(id, open) {
    set({ openedRows: { ...get().openedRows, [id]: open } });
  },
  chooseRows(ids, chosen) {
    const next = new Set(get().chosenRows);
    for (const id of ids) {
      if (chosen) next.add(id);
      else next.delete(id);
    }
    set({ chosenRows: next });
  },
  filterRows(filter) {
    set({ rowFilter: { ...get().rowFilter, ...filter } });
  },
  duplicateRows(ids) {
    const wanted = new Set(ids);
    const drafts = get().drafts.flatMap((draft) =>
      wanted.has(draft.id) ? [draft, { ...draft, id: newId() }] : [draft],
    );
    get().replaceDrafts(drafts);
    get().announce(`${formatPlural(ids.length, 'edit')} duplicated.`);
  },
  removeRows(ids) {
    const { drafts, removed } = withoutRows(get().drafts, new Set(ids));
    if (removed.length === 0) return;
    set({ removals: [...get().removals, removed].slice(-MOST_REMOVALS) });
    get().chooseRows(ids, false);
    get().replaceDrafts(drafts);
    get().announce(
      `${formatPlural(removed.length, 'edit')} removed. Undo brings ${removed.length === 1 ? 'it' : 'them'} back.`,
    );
  },
  undoRemoval() {
    const { removals, drafts } = get();
    const last = removals.at(-1);
    if (!last) return;
    // Another tab may have brought some of them back.
    const there = new Set(drafts.map(({ id }) => id));
    set({ removals: removals.slice(0, -1) });
    get().replaceDrafts(
      withRowsBack(
        drafts,
        last.filter(({ draft }) => !there.has(draft.id)),
      ),
    );
    get().announce(`${formatPlural(last.length, 'edit')} brought back.`);
  },
  forgetRemovals() {
    set({ removals: [] });
  },
  moveRows(ids, by) {
    const moved = withRowsMoved(get().drafts, new Set(ids), by);
    get().replaceDrafts(moved);
    const place = moved.findIndex(({ id }) => id === ids[0]) + 1;
    get().announce(ids.length === 1 ? `Now edit ${place} of ${moved.length}.` : `${ids.length} edits moved.`);
  },
  async addRowsOfFile(name, text) {
    const { drafts: read, notes } = await call('parseRequests', text);
    const kept = get().drafts.filter((draft) => !isBlank(draft));
    get().replaceDrafts([...kept, ...read.map((draft) => ({ ...draft, id: newId() }))]);
    get().announce(`${formatPlural(read.length, 'edit')} of ${name} added.`);
    return { added: read.length, notes };
  },
  resetRows() {
    set({ openedRows: {}, chosenRows: new Set(), rowFilter: NO_FILTER, removals: [] });
  },
});
