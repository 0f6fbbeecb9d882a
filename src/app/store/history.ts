/** The patch stack and what can be done with it; every change asks anew what the model says. */
import type { ExportChoice, ExportedFile, HistoryState, PatchSummary, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { saveFile } from '../shared/save-file.ts';
import { call } from './connection.ts';
import type { Slice } from './index.ts';

export interface HistorySlice {
  history: HistoryState;
  /** A change is under way: the patch it is about, or 'all'. */
  historyBusy: string | null;
  historyFailure: { failure: WorkerFailure; retry: (() => Promise<void>) | null } | null;
  adoptHistory(history: HistoryState): void;
  setEnabled(patchId: string, enabled: boolean): Promise<void>;
  rename(patchId: string, name: string): Promise<void>;
  remove(patchId: string): Promise<void>;
  undo(): Promise<void>;
  importPatch(file: File): Promise<void>;
  /** Saves the weights as they are now, in one of the forms that the model offers. */
  exportModel(choice: ExportChoice): Promise<void>;
  exportPatch(patch: PatchSummary): Promise<void>;
  /** Takes over what other tabs do to the open model's history, as long as this worker lives. */
  watchHistory(): void;
  /** Saves the file of a patch that cannot be read. */
  saveAside(id: string): Promise<void>;
  /** Deletes a patch that cannot be read. */
  discardAside(id: string): Promise<void>;
  dismissHistoryFailure(): void;
}

/** Id of the exporter that writes one patch as a file that can be imported again. */
const PATCH_EXPORTER = 'patch';

export const createHistorySlice: Slice<HistorySlice> = (set, get) => {
  /** Runs a change of the stack; `again` is offered when it fails. */
  async function change(
    about: string,
    ask: () => Promise<HistoryState>,
    again: (() => Promise<void>) | null,
    words = '',
  ) {
    if (get().historyBusy !== null) return;
    set({ historyBusy: about, historyFailure: null });
    try {
      // A comparison of the old stack would only hold the change up.
      if (get().job?.kind === 'compare') await call('cancel');
      get().adoptHistory(await ask());
      get().scheduleInspection();
      void get().inspectNow();
      get().historyChanged();
      if (words !== '') get().announce(words);
    } catch (error) {
      if (!get().workerLost) set({ historyFailure: { failure: toFailure(error), retry: again } });
    } finally {
      set({ historyBusy: null });
    }
  }

  function nameOf(patchId: string): string {
    return `“${get().history.patches.find(({ id }) => id === patchId)?.name ?? ''}”`;
  }

  async function save(label: string, ask: () => Promise<ExportedFile>, again: () => Promise<void>) {
    const job = get().startJob('export', label);
    set({ historyFailure: null });
    try {
      const file = await ask();
      saveFile(file.name, file.blob);
      get().announce(`${file.name} is saved.`);
    } catch (error) {
      const failure = toFailure(error);
      if (!get().workerLost && failure.code !== 'cancelled') set({ historyFailure: { failure, retry: again } });
    } finally {
      get().endJob(job);
    }
  }

  return {
    history: { patches: [], undoLabel: null, unsaved: null, aside: [] },
    historyBusy: null,
    historyFailure: null,

    adoptHistory(history) {
      set({ history });
      if (history.unsaved) set({ historyFailure: { failure: history.unsaved, retry: null } });
    },
    setEnabled(patchId, enabled) {
      return change(
        patchId,
        () => call('setEnabled', patchId, enabled),
        () => get().setEnabled(patchId, enabled),
        `${nameOf(patchId)} is ${enabled ? 'on' : 'off'}.`,
      );
    },
    rename(patchId, name) {
      return change(
        patchId,
        () => call('rename', patchId, name),
        () => get().rename(patchId, name),
      );
    },
    remove(patchId) {
      return change(
        patchId,
        () => call('remove', patchId),
        () => get().remove(patchId),
        `Deleted ${nameOf(patchId)}. Undo brings it back.`,
      );
    },
    undo() {
      const { undoLabel } = get().history;
      if (undoLabel === null) return Promise.resolve();
      return change(
        'all',
        () => call('undo'),
        () => get().undo(),
        `Undone: ${undoLabel}.`,
      );
    },
    importPatch(file) {
      return change('all', () => call('importPatch', file), null);
    },
    exportModel(choice) {
      const { label, exporter, options } = choice;
      return save(
        `Writing “${label}”`,
        () => call('export', { exporter, options, patchId: null }),
        () => get().exportModel(choice),
      );
    },
    exportPatch(patch) {
      return save(
        `Writing the patch file of ${patch.name}`,
        () => call('export', { exporter: PATCH_EXPORTER, options: {}, patchId: patch.id }),
        () => get().exportPatch(patch),
      );
    },
    watchHistory() {
      call('watchHistory', (history) => {
        get().adoptHistory(history);
        get().scheduleInspection();
        get().historyChanged();
        get().announce('Another tab changed the history.');
        // It ends with the worker, whose loss is told elsewhere.
      }).catch(() => undefined);
    },
    saveAside(id) {
      return save(
        'Writing the file that cannot be read',
        () => call('asideFile', id),
        () => get().saveAside(id),
      );
    },
    discardAside(id) {
      return change(
        'all',
        () => call('discardAside', id),
        () => get().discardAside(id),
      );
    },
    dismissHistoryFailure() {
      set({ historyFailure: null });
    },
  };
};
