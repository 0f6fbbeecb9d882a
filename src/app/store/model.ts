/** The loaded model, how loading goes, and the job that runs now. */
import type { BackendChoice, LoadProgress, ModelLocation, ModelSummary, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { call, disconnect, onWorkerLost } from './connection.ts';
import { mayHaveFormer, moveFormer, onStoredElsewhere, readDrafts } from './storage.ts';
import { newId } from './ids.ts';
import type { Slice } from './index.ts';

/** The model that ships with the page; its address is the page's to know, the worker lies in another folder. */
export const DEMO_MODEL: ModelLocation = { kind: 'demo', url: new URL('models/demo', document.baseURI).href };

export type JobKind =
  'load' | 'run' | 'trace' | 'lens' | 'reach' | 'compare' | 'benchmark' | 'facts' | 'export' | 'import';

export interface Job {
  id: string;
  kind: JobKind;
  label: string;
  /** Share that is done, in [0, 1], or null while unknown. */
  fraction: number | null;
}

export interface ModelSlice {
  model: ModelSummary | null;
  /** Where the open model came from; the demo before there is one. */
  modelLocation: ModelLocation;
  /** What could not be loaded, to be tried again. */
  failedLocation: ModelLocation | null;
  loading: LoadProgress | null;
  loadFailure: WorkerFailure | null;
  /** The worker died: nothing works until restart. */
  workerLost: WorkerFailure | null;
  job: Job | null;
  /** Loads a model; the one before stays shown until the new one is there. */
  load(from: ModelLocation): Promise<void>;
  /** Starts a fresh worker and loads the model that was open. */
  restart(): Promise<void>;
  cancel(): Promise<void>;
  dismissLoadFailure(): void;
  /** Makes a job the current one and gives its id. */
  startJob(kind: JobKind, label: string): string;
  advanceJob(id: string, fraction: number | null): void;
  endJob(id: string): void;
}

/** The backend asked for in the address: ?backend=webgpu or wasm. */
export function backendChoice(search: string): BackendChoice {
  const wanted = new URLSearchParams(search).get('backend');
  return wanted === 'webgpu' || wanted === 'wasm' ? wanted : 'auto';
}

function nameOf(location: ModelLocation): string {
  if (location.kind === 'demo') return 'the demo model';
  return location.kind === 'kept' ? location.id : location.name;
}

export const createModelSlice: Slice<ModelSlice> = (set, get) => {
  let loads = 0;

  onWorkerLost((workerLost) => {
    set({ workerLost, job: null, loading: null, loadFailure: null });
  });

  onStoredElsewhere((kind, modelHash) => {
    const { model } = get();
    if (model?.hash !== modelHash) return;
    if (kind === 'drafts') get().takeStoredDrafts();
    else get().resetMethod(model);
  });

  /** What earlier versions of the page kept of the model, which they knew by another hash, is moved to where it is looked for. */
  async function takeOverFormer(modelHash: string): Promise<void> {
    if (!mayHaveFormer(modelHash)) return;
    // Without an answer the model starts as a new one does.
    const formerHash = await call('formerHash').catch(() => null);
    if (formerHash !== null) moveFormer(formerHash, modelHash);
  }

  /** Puts the loaded model's own drafts, settings and history in place. */
  function adopt(model: ModelSummary): void {
    set({ model });
    get().resetMethod(model);
    get().resetRun();
    get().resetRows();
    get().resetComparison();
    get().resetFreePrompts();
    get().resetKnowledge(model.knowledge);
    get().resetTrace(model.averageTrace, model.traceWindow);
    get().resetLens();
    get().resetReach();
    get().resetBenchmark();
    get().resetSweep();
    get().adoptHistory(model.history);
    const kept = readDrafts(model.hash);
    const examples = model.examples.map((draft) => ({ ...draft, id: newId() }));
    get().adoptDrafts(kept?.drafts ?? examples, kept?.unreadable);
    if (get().workTab === 'result') get().refreshComparison();
  }

  return {
    model: null,
    modelLocation: DEMO_MODEL,
    failedLocation: null,
    loading: null,
    loadFailure: null,
    workerLost: null,
    job: null,

    async load(from) {
      loads += 1;
      const turn = loads;
      const name = nameOf(from);
      const job = get().startJob('load', `Loading ${name}`);
      set({
        failedLocation: null,
        loadFailure: null,
        workerLost: null,
        loading: { file: '', loadedBytes: 0, totalBytes: 0, stage: 'Starting' },
      });
      try {
        const model = await call('load', from, backendChoice(location.search), (loading) => {
          if (turn !== loads) return;
          set({ loading });
          get().advanceJob(job, loading.totalBytes > 0 ? loading.loadedBytes / loading.totalBytes : null);
        });
        if (turn !== loads) return;
        await takeOverFormer(model.hash);
        if (turn !== loads || get().workerLost) return;
        set({ modelLocation: from });
        adopt(model);
        get().watchHistory();
        get().announce(`${model.name} is ready, running on ${model.backend.name}.`);
      } catch (error) {
        if (turn !== loads || get().workerLost) return;
        const failure = toFailure(error);
        const open = get().model;
        const kept =
          failure.kept === '' && open ? `“${open.name}” stays open, with its edits and history.` : failure.kept;
        set({ loadFailure: { ...failure, kept }, failedLocation: from });
      } finally {
        if (turn === loads) set({ loading: null });
        get().endJob(job);
      }
    },

    async restart() {
      disconnect();
      set({ model: null, job: null });
      await get().load(get().modelLocation);
    },

    async cancel() {
      get().announce('Cancelling.');
      // Whether the job could be stopped is told by the job's own call.
      await call('cancel').catch(() => undefined);
    },

    dismissLoadFailure() {
      set({ loadFailure: null, failedLocation: null });
    },

    startJob(kind, label) {
      const id = newId();
      set({ job: { id, kind, label, fraction: null } });
      get().announce(label);
      return id;
    },
    advanceJob(id, fraction) {
      const { job } = get();
      if (job?.id === id) set({ job: { ...job, fraction } });
    },
    endJob(id) {
      if (get().job?.id === id) set({ job: null });
    },
  };
};
