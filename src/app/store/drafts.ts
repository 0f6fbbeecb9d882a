/** The rows of edits as they are typed, and what the worker says about each of them. */
import type { EditDraft, RowInspection, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { newId } from './ids.ts';
import { readDrafts, writeDrafts } from './storage.ts';
import type { Slice } from './index.ts';

const INSPECT_DELAY_MS = 300;

export interface DraftsSlice {
  drafts: EditDraft[];
  /** The last answer for each row, by draft id; `key` tells what it was an answer to. */
  inspections: Partial<Record<string, { key: string; row: RowInspection }>>;
  /** Of rows that contradict or repeat others, by draft id, as of the last answers. */
  rowWarnings: Readonly<Partial<Record<string, string>>>;
  inspecting: boolean;
  inspectFailure: WorkerFailure | null;
  /** Rows that were kept and cannot be read. */
  unreadableDrafts: number;
  /** Whether the rows will be there after a reload. */
  draftsKept: boolean;
  /** Takes over the rows that another tab stored: those of this one are among them. */
  takeStoredDrafts(): void;
  adoptDrafts(drafts: EditDraft[], unreadable?: number): void;
  /** Adds an empty row like the last one and gives its id. */
  addDraft(): string;
  updateDraft(id: string, change: Partial<Omit<EditDraft, 'id'>>): void;
  /** The list in another order, or with others. */
  replaceDrafts(drafts: EditDraft[]): void;
  /** Adds a row per good line, in place of `replaceId` when that row is blank; gives the faults. */
  pasteLines(text: string, replaceId?: string): Promise<{ added: number; faults: { line: number; message: string }[] }>;
  /** Asks again what the model says, now that something changed; typing is waited out. */
  scheduleInspection(): void;
  /** Resolves when every row's answer is up to date (or asking failed). */
  inspectNow(): Promise<void>;
}

/** What an inspection depends on: the row itself and the patches in force. */
export function inspectionKey(draft: EditDraft, enabledPatches: string): string {
  return JSON.stringify([draft.subject, draft.relationId, draft.prompt, draft.object, enabledPatches]);
}

/** The patches in force, as text that changes when they do. */
export function enabledPatchesKey(patches: { id: string; enabled: boolean }[]): string {
  return patches
    .filter((patch) => patch.enabled)
    .map((patch) => patch.id)
    .join(' ');
}

export function isBlank(draft: EditDraft): boolean {
  return draft.subject.trim() === '' && draft.object.trim() === '';
}

export const createDraftsSlice: Slice<DraftsSlice> = (set, get) => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking: Promise<void> | null = null;
  /** Something changed while a question was under way. */
  let pending = false;

  /** The key of a draft with the patches that are in force now. */
  function keys(): (draft: EditDraft) => string {
    const patches = enabledPatchesKey(get().history.patches);
    return (draft) => inspectionKey(draft, patches);
  }

  function setDrafts(drafts: EditDraft[]): void {
    const { model } = get();
    set({ drafts, draftsKept: !model || writeDrafts(model.hash, drafts) });
    get().scheduleInspection();
  }

  function takePending(): boolean {
    const was = pending;
    pending = false;
    return was;
  }

  /** One question at a time; whatever changed meanwhile is asked in one more round. */
  async function ask(): Promise<void> {
    do {
      const { model, drafts } = get();
      if (!model || drafts.length === 0) break;
      const asked = drafts.map(keys());
      // Only what changed: of thousands of rows, the model would be asked all at every letter.
      const stale = drafts.flatMap((draft, i) => (get().inspections[draft.id]?.key === asked[i] ? [] : [i]));
      try {
        const rows =
          stale.length === 0
            ? []
            : await call(
                'inspect',
                stale.map((i) => drafts[i]),
              );
        if (get().model !== model) continue;
        const keyOf = keys();
        const current = new Map(get().drafts.map((draft) => [draft.id, keyOf(draft)]));
        const inspections: DraftsSlice['inspections'] = {};
        for (const [id, old] of Object.entries(get().inspections)) if (current.has(id)) inspections[id] = old;
        rows.forEach((row, i) => {
          const key = asked[stale[i]];
          if (current.get(row.draftId) === key) inspections[row.draftId] = { key, row };
        });
        const rowWarnings = await call('rowWarnings', drafts);
        if (get().model !== model) continue;
        set({ inspections, rowWarnings, inspectFailure: null });
      } catch (error) {
        const failure = toFailure(error);
        // Cancelling a job may hit the question that runs before it: it is asked again.
        if (failure.code === 'cancelled' && !get().workerLost) get().scheduleInspection();
        else set({ inspectFailure: get().workerLost ? null : failure });
        break;
      }
    } while (takePending());
  }

  return {
    drafts: [],
    inspections: {},
    rowWarnings: {},
    inspecting: false,
    inspectFailure: null,
    unreadableDrafts: 0,
    draftsKept: true,

    takeStoredDrafts() {
      const { model } = get();
      const kept = model && readDrafts(model.hash);
      if (!kept) return;
      set({ drafts: kept.drafts, draftsKept: true });
      get().scheduleInspection();
    },
    adoptDrafts(drafts, unreadableDrafts = 0) {
      set({ inspections: {}, rowWarnings: {}, inspectFailure: null, unreadableDrafts });
      setDrafts(drafts);
      void get().inspectNow();
    },
    addDraft() {
      const last = get().drafts.at(-1);
      const relationId = last ? last.relationId : (get().model?.relations[0]?.id ?? null);
      const draft: EditDraft = { id: newId(), subject: '', relationId, prompt: last?.prompt ?? '', object: '' };
      setDrafts([...get().drafts, draft]);
      return draft.id;
    },
    updateDraft(id, change) {
      setDrafts(get().drafts.map((draft) => (draft.id === id ? { ...draft, ...change } : draft)));
    },
    replaceDrafts: setDrafts,
    async pasteLines(text, replaceId) {
      const { drafts: parsed, faults } = await call('parseLines', text);
      const added = parsed.map((draft) => ({ ...draft, id: newId() }));
      if (added.length > 0) {
        const kept = get().drafts.filter(
          (draft) => !isBlank(draft) || (replaceId !== undefined && draft.id === replaceId),
        );
        const at = kept.findIndex((draft) => draft.id === replaceId);
        const target = kept.at(Math.max(at, 0));
        const replaced = at >= 0 && target !== undefined && isBlank(target);
        const place = at < 0 ? kept.length : at + 1;
        setDrafts([...kept.slice(0, replaced ? at : place), ...added, ...kept.slice(place)]);
      }
      return { added: added.length, faults };
    },

    scheduleInspection() {
      clearTimeout(timer);
      timer = setTimeout(() => void get().inspectNow(), INSPECT_DELAY_MS);
    },
    async inspectNow() {
      clearTimeout(timer);
      if (asking) {
        pending = true;
        return asking;
      }
      set({ inspecting: true });
      asking = ask().finally(() => {
        asking = null;
        set({ inspecting: false });
        if (takePending()) get().scheduleInspection();
      });
      return asking;
    },
  };
};
