/** Where models come from: the hub, what this browser keeps, and this machine's files; and opening the last one again. */
import type { WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import type { DownloadProgress, KeptModel, ModelShelf } from '../../worker/models-api.ts';
import { filesOf, type FolderHandle } from '../shared/file-access.ts';
import { call } from './connection.ts';
import type { Slice } from './index.ts';
import {
  readEndpoint,
  readFolder,
  readLastModel,
  writeEndpoint,
  writeFolder,
  writeLastModel,
  type LastModel,
} from './last-model.ts';
import { DEMO_MODEL } from './model.ts';
import { lockedBy } from './trace.ts';

export const DEFAULT_HUB = 'https://huggingface.co';

export interface ModelsSlice {
  modelsOpen: boolean;
  /** Null until it was asked for. */
  shelf: ModelShelf | null;
  shelfFailure: WorkerFailure | null;
  /** Address of the hub. */
  hubEndpoint: string;
  /** Access token, for this visit only. */
  hubToken: string;
  /** Under way; its progress is null until the worker has begun. */
  download: { model: string; progress: DownloadProgress | null } | null;
  downloadFailure: { model: string; failure: WorkerFailure } | null;
  /** What was done otherwise than asked. */
  downloadNote: string | null;
  /** Why picked or dropped files are no model. */
  filesFault: string | null;
  /** A model of this machine that was open before a reload and has to be opened by hand. */
  lastLocal: { name: string; folder: FolderHandle | null } | null;
  /** What the open model has and lacks is shown. */
  cardShown: boolean;
  showModels(open: boolean): void;
  setHubEndpoint(endpoint: string): void;
  setHubToken(token: string): void;
  refreshShelf(): Promise<void>;
  /** Downloads a model, or goes on with it, and opens it when nothing else is under way. */
  downloadModel(model: string): Promise<void>;
  cancelDownload(): Promise<void>;
  openKept(model: Pick<KeptModel, 'id' | 'commit'>): Promise<void>;
  openDemo(): Promise<void>;
  /** @param folder where the files are a folder's that can be read again after a reload */
  openFiles(name: string | null, files: File[], folder?: FolderHandle | null): Promise<void>;
  deleteKept(model: KeptModel): Promise<void>;
  /** Asks the browser not to clear what the page stores. */
  keepForGood(): Promise<void>;
  /** Opens what was open when the page was left; the demo model at first. */
  openLast(): Promise<void>;
  /** Opens {@link ModelsSlice.lastLocal}, with the permission that a press of a button may ask for. */
  reopenLocal(): Promise<void>;
  dismissLastLocal(): void;
  showCard(shown: boolean): void;
}

/** What a model cannot do without, in words, or null. */
export function missingFiles(files: readonly { name: string }[]): string | null {
  const names = files.map(({ name }) => name);
  if (names.some((name) => name.toLowerCase().endsWith('.gguf'))) return null;
  const absent = ['config.json', 'tokenizer.json'].filter((name) => !names.includes(name));
  if (!names.some((name) => name.endsWith('.safetensors'))) absent.push('model.safetensors');
  if (absent.length === 0) return null;
  return `Not found among the ${names.length === 1 ? 'one file' : `${names.length} files`}: ${absent.join(', ')}.`;
}

/** What to call a model of picked files: by its folder, else by a file that holds all of it. */
function nameOf(files: readonly File[]): string {
  const folder = files.at(0)?.webkitRelativePath.split('/').at(0) ?? '';
  if (folder !== '') return folder;
  const packed = files.find(({ name }) => name.toLowerCase().endsWith('.gguf'));
  return packed ? packed.name.replace(/\.gguf$/i, '') : 'local model';
}

export const createModelsSlice: Slice<ModelsSlice> = (set, get) => {
  /** Loads a model, and notes it for the next visit once it is open. */
  async function open(location: Parameters<ReturnType<typeof get>['load']>[0], last: LastModel): Promise<boolean> {
    set({ modelsOpen: false, lastLocal: null, cardShown: false });
    await get().load(location);
    if (get().modelLocation !== location) return false;
    writeLastModel(last);
    set({ cardShown: last.kind !== 'demo' });
    return true;
  }

  return {
    modelsOpen: false,
    shelf: null,
    shelfFailure: null,
    hubEndpoint: readEndpoint() ?? DEFAULT_HUB,
    hubToken: '',
    download: null,
    downloadFailure: null,
    downloadNote: null,
    filesFault: null,
    lastLocal: null,
    cardShown: false,

    showModels(modelsOpen) {
      set({ modelsOpen, filesFault: null });
      if (modelsOpen) void get().refreshShelf();
    },

    setHubEndpoint(hubEndpoint) {
      const usual = hubEndpoint.trim() === '' || hubEndpoint.trim() === DEFAULT_HUB;
      writeEndpoint(usual ? null : hubEndpoint);
      set({ hubEndpoint });
    },

    setHubToken(hubToken) {
      set({ hubToken });
    },

    async refreshShelf() {
      try {
        set({ shelf: await call('modelShelf'), shelfFailure: null });
      } catch (error) {
        set({ shelfFailure: toFailure(error) });
      }
    },

    async downloadModel(model) {
      if (get().download) return;
      const { hubEndpoint, hubToken } = get();
      const order = {
        model,
        endpoint: hubEndpoint.trim() === '' ? DEFAULT_HUB : hubEndpoint,
        token: hubToken.trim() === '' ? null : hubToken,
      };
      set({ download: { model, progress: null }, downloadFailure: null, downloadNote: null });
      try {
        const { model: kept, note } = await call('download', order, (progress) => {
          set({ download: { model, progress } });
        });
        set({ download: null, downloadNote: note });
        get().announce(`${kept.id} is downloaded.`);
        if (lockedBy(get()) === null && get().loading === null) await get().openKept(kept);
      } catch (error) {
        const failure = toFailure(error);
        set({ download: null, ...(failure.code !== 'cancelled' && { downloadFailure: { model, failure } }) });
        get().announce(failure.code === 'cancelled' ? 'Download cancelled; what came is kept.' : failure.message);
      } finally {
        await get().refreshShelf();
      }
    },

    async cancelDownload() {
      await call('cancelDownload').catch(() => undefined);
    },

    async openKept({ id, commit }) {
      await open({ kind: 'kept', id, commit }, { kind: 'kept', id, commit });
    },

    async openDemo() {
      await open(DEMO_MODEL, { kind: 'demo' });
    },

    async openFiles(name, files, folder = null) {
      if (files.length === 0) return;
      const filesFault = missingFiles(files);
      set({ filesFault });
      if (filesFault !== null) {
        set({ modelsOpen: true });
        return;
      }
      const called = name ?? nameOf(files);
      const kept = folder !== null && (await writeFolder(folder));
      await open({ kind: 'files', name: called, files }, { kind: kept ? 'folder' : 'files', name: called });
    },

    async deleteKept({ id, commit }) {
      try {
        set({ shelf: await call('deleteModel', id, commit), shelfFailure: null });
        get().announce(`${id} is deleted.`);
      } catch (error) {
        set({ shelfFailure: toFailure(error) });
      }
    },

    async keepForGood() {
      await navigator.storage.persist().catch(() => false);
      await get().refreshShelf();
    },

    async openLast() {
      const last = readLastModel() ?? { kind: 'demo' };
      if (last.kind === 'kept') {
        const location = { kind: 'kept', id: last.id, commit: last.commit } as const;
        if (await open(location, last)) {
          set({ cardShown: false });
          return;
        }
        // Something to work with in its place, and what went wrong beside it.
        const { loadFailure, workerLost } = get();
        if (workerLost) return;
        await get().load(DEMO_MODEL);
        if (loadFailure) set({ loadFailure, failedLocation: location });
        return;
      }
      if (last.kind === 'demo') {
        await get().load(DEMO_MODEL);
        return;
      }
      const folder = last.kind === 'folder' ? await readFolder() : null;
      if (folder && (await folder.queryPermission({ mode: 'read' }).catch(() => 'denied')) === 'granted') {
        const files = await filesOf(folder).catch(() => []);
        if (files.length > 0 && missingFiles(files) === null) {
          if (await open({ kind: 'files', name: last.name, files }, last)) {
            set({ cardShown: false });
            return;
          }
        }
      }
      await get().load(DEMO_MODEL);
      set({ lastLocal: { name: last.name, folder } });
    },

    async reopenLocal() {
      const { lastLocal } = get();
      if (!lastLocal?.folder) {
        get().showModels(true);
        return;
      }
      const { folder, name } = lastLocal;
      const allowed = await folder.requestPermission({ mode: 'read' }).catch(() => 'denied');
      if (allowed !== 'granted') return;
      const files = await filesOf(folder).catch(() => []);
      if (files.length === 0) set({ modelsOpen: true, filesFault: `The folder “${name}” is no longer there.` });
      else await get().openFiles(name, files, folder);
    },

    dismissLastLocal() {
      set({ lastLocal: null });
    },

    showCard(cardShown) {
      set({ cardShown });
    },
  };
};
