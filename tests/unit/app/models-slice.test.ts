/** Where the store gets models from: downloads that open by themselves, and the model that a reload finds again. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';
import { call } from '../../../src/app/store/connection.ts';
import type { Store } from '../../../src/app/store/index.ts';
import { DEFAULT_HUB, createModelsSlice, missingFiles } from '../../../src/app/store/models.ts';
import type { ModelLocation, WorkerFailure } from '../../../src/worker/api.ts';
import { WorkerError } from '../../../src/worker/client.ts';
import type { KeptModel, ModelShelf } from '../../../src/worker/models-api.ts';
import { fakeStorage } from './fixtures/methods.ts';

vi.mock('../../../src/app/store/connection.ts', () => ({ call: vi.fn(), onWorkerLost: vi.fn(), disconnect: vi.fn() }));
// Its address is asked of the document, which Node has not.
vi.mock('../../../src/app/store/model.ts', () => ({ DEMO_MODEL: { kind: 'demo', url: 'demo' } }));
const worker = vi.mocked(call);

const kept: KeptModel = {
  id: 'a/b',
  revision: 'main',
  commit: 'c'.repeat(40),
  endpoint: DEFAULT_HUB,
  bytes: 10,
  totalBytes: 10,
  whole: true,
  keptAt: '2025-01-01T00:00:00Z',
};
const shelf: ModelShelf = { models: [kept], lasting: true, usedBytes: 10, quotaBytes: 100, persisted: false };
const failure: WorkerFailure = { code: 'download', message: 'no', kept: '', next: '' };

/** The slice over as much of the store as it touches; `fails` says which locations cannot be loaded. */
function opened(fails: (location: ModelLocation) => boolean = () => false) {
  const loads: ModelLocation[] = [];
  const store = createStore<Store>()(
    (set, get, api) =>
      ({
        ...createModelsSlice(set, get, api),
        modelLocation: { kind: 'demo', url: 'demo' },
        loading: null,
        loadFailure: null,
        workerLost: null,
        run: null,
        announce: () => undefined,
        load: (location: ModelLocation) => {
          loads.push(location);
          if (fails(location)) set({ loadFailure: failure, failedLocation: location });
          else set({ modelLocation: location, loadFailure: null, failedLocation: null });
          return Promise.resolve();
        },
      }) as unknown as Store,
  );
  return { store, loads };
}

/** A file as an input gives it; Node's have no paths. */
function picked(name: string): File {
  return Object.assign(new File(['x'], name), { webkitRelativePath: '' });
}

/** What the worker answers, by command. */
function answer(answers: Record<string, unknown>): void {
  const reply = (command: string): Promise<unknown> => {
    const given = answers[command];
    return given instanceof Error ? Promise.reject(given) : Promise.resolve(given);
  };
  worker.mockImplementation(reply as typeof call);
}

beforeEach(() => {
  worker.mockReset();
  vi.stubGlobal('localStorage', fakeStorage());
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a download', () => {
  it('is ordered with the hub and the token, and opened when it is there', async () => {
    answer({ download: { model: kept, note: 'from before' }, modelShelf: shelf });
    const { store, loads } = opened();
    store.getState().setHubEndpoint('http://mirror');
    store.getState().setHubToken('hf_x');
    await store.getState().downloadModel('a/b');
    expect(worker.mock.calls[0].slice(0, 2)).toEqual([
      'download',
      { model: 'a/b', endpoint: 'http://mirror', token: 'hf_x' },
    ]);
    expect(loads).toEqual([{ kind: 'kept', id: 'a/b', commit: kept.commit }]);
    expect(store.getState()).toMatchObject({ download: null, downloadNote: 'from before', cardShown: true, shelf });
    // The address is for the next visit, the token is not.
    expect(opened().store.getState()).toMatchObject({ hubEndpoint: 'http://mirror', hubToken: '' });
    store.getState().setHubEndpoint(' ');
    expect(opened().store.getState().hubEndpoint).toBe(DEFAULT_HUB);
  });

  it('does not come between a run and its model', async () => {
    answer({ download: { model: kept, note: null }, modelShelf: shelf });
    const { store, loads } = opened();
    store.setState({ run: { status: 'running' } as Store['run'] });
    await store.getState().downloadModel('a/b');
    expect(loads).toEqual([]);
    expect(store.getState()).toMatchObject({ download: null, downloadFailure: null, shelf });
  });

  it('that fails is told with its name; one that was cancelled is not', async () => {
    const { store, loads } = opened();
    answer({ download: new WorkerError(failure), modelShelf: shelf });
    await store.getState().downloadModel('a/b');
    expect(store.getState().downloadFailure).toEqual({ model: 'a/b', failure });
    answer({ download: new WorkerError({ ...failure, code: 'cancelled' }), modelShelf: shelf });
    await store.getState().downloadModel('a/b');
    expect(store.getState()).toMatchObject({ downloadFailure: null, download: null });
    expect(loads).toEqual([]);
  });
});

describe('a reload', () => {
  it('opens what was open: a kept model, or the demo model', async () => {
    const first = opened();
    await first.store.getState().openLast();
    expect(first.loads).toEqual([{ kind: 'demo', url: 'demo' }]);
    await first.store.getState().openKept(kept);
    const second = opened();
    await second.store.getState().openLast();
    expect(second.loads).toEqual([{ kind: 'kept', id: 'a/b', commit: kept.commit }]);
    expect(second.store.getState().cardShown).toBe(false);
    await second.store.getState().openDemo();
    const third = opened();
    await third.store.getState().openLast();
    expect(third.loads).toEqual([{ kind: 'demo', url: 'demo' }]);
  });

  it('opens the demo model in place of one that is gone, and says so', async () => {
    await opened().store.getState().openKept(kept);
    const { store, loads } = opened(({ kind }) => kind === 'kept');
    await store.getState().openLast();
    expect(loads.map(({ kind }) => kind)).toEqual(['kept', 'demo']);
    expect(store.getState()).toMatchObject({ loadFailure: failure, failedLocation: { kind: 'kept', id: 'a/b' } });
  });

  it('names the files that cannot be read again', async () => {
    const files = ['config.json', 'tokenizer.json', 'model.safetensors'].map((name) => new File(['x'], name));
    await opened().store.getState().openFiles('my model', files);
    const { store, loads } = opened();
    await store.getState().openLast();
    expect(loads).toEqual([{ kind: 'demo', url: 'demo' }]);
    expect(store.getState().lastLocal).toEqual({ name: 'my model', folder: null });
    await store.getState().reopenLocal();
    expect(store.getState().modelsOpen).toBe(true);
  });

  it('takes nothing from storage that is damaged', async () => {
    for (const text of ['{', '{"kind": "kept"}', '7', '{"kind": "files", "name": 3}']) {
      localStorage.setItem('memit.model', text);
      const { store, loads } = opened();
      await store.getState().openLast();
      expect(loads).toEqual([{ kind: 'demo', url: 'demo' }]);
      expect(store.getState().lastLocal).toBe(null);
    }
  });
});

describe('files', () => {
  it('that are no model are refused beside the buttons, with what is missing', async () => {
    const { store, loads } = opened();
    await store.getState().openFiles(null, [picked('notes.txt')]);
    expect(loads).toEqual([]);
    expect(store.getState()).toMatchObject({
      modelsOpen: true,
      filesFault: 'Not found among the one file: config.json, tokenizer.json, model.safetensors.',
    });
    expect(missingFiles([{ name: 'Tiny.GGUF' }])).toBe(null);
  });

  it('give the model the name of the file that holds all of it', async () => {
    const { store, loads } = opened();
    await store.getState().openFiles(null, [picked('tiny-q8.gguf')]);
    expect(loads).toMatchObject([{ kind: 'files', name: 'tiny-q8' }]);
  });
});
