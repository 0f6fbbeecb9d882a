/** Drafts and settings that the page stored under the former hash of a model are found again under its present one. */
import { createStore } from 'zustand/vanilla';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EditDraft } from '../../../src/worker/api.ts';
import type { Store } from '../../../src/app/store/index.ts';
import { createDraftsSlice } from '../../../src/app/store/drafts.ts';
import { createMethodSlice } from '../../../src/app/store/method.ts';
import { mayHaveFormer, moveFormer } from '../../../src/app/store/storage.ts';
import { fakeStorage, MEMIT, modelWith } from './fixtures/methods.ts';

const { worker } = vi.hoisted(() => {
  // The model slice finds the demo model's address from the page's when it is loaded.
  Object.assign(globalThis, { document: { baseURI: 'http://localhost/' }, location: { search: '' } });
  return { worker: vi.fn() };
});
vi.mock('../../../src/app/store/connection.ts', () => ({ call: worker, onWorkerLost: vi.fn(), disconnect: vi.fn() }));
const { createModelSlice } = await import('../../../src/app/store/model.ts');

const FORMER = '0f'.repeat(32);
const OTHER = 'ee'.repeat(32);
const HASH = 'sha256:aa';
const draft: EditDraft = { id: 'kept', subject: 'Rome', relationId: null, prompt: '{} is in', object: 'Spain' };
const example: EditDraft = { ...draft, id: 'example', subject: 'Oslo' };

/** The slices over as much of the store as loading touches. */
function page() {
  return createStore<Store>()(
    (set, get, api) =>
      ({
        ...createModelSlice(set, get, api),
        ...createDraftsSlice(set, get, api),
        ...createMethodSlice(set, get, api),
        history: { patches: [], undoLabel: null, unsaved: null },
        ...Object.fromEntries(
          [
            'resetRun',
            'resetRows',
            'resetKnowledge',
            'resetComparison',
            'resetFreePrompts',
            'resetTrace',
            'resetLens',
            'resetReach',
            'resetBenchmark',
            'resetSweep',
            'adoptHistory',
            'watchHistory',
            'announce',
          ].map((name) => [name, () => undefined]),
        ),
        scheduleInspection: () => undefined,
        inspectNow: () => Promise.resolve(),
      }) as unknown as Store,
  );
}

/** Loads the model in a page with this storage; `formerHash` answers, or rejects. */
async function loadWith(entries: Record<string, unknown>, formerHash: () => Promise<string>) {
  const storage = fakeStorage(entries);
  vi.stubGlobal('localStorage', storage);
  worker.mockImplementation((command: string) =>
    command === 'load' ? Promise.resolve({ ...modelWith([MEMIT], HASH), examples: [example] }) : formerHash(),
  );
  const store = page();
  await store.getState().load({ kind: 'files', name: 'tiny', files: [] });
  const asked = worker.mock.calls.filter(([command]) => command === 'formerHash').length;
  return { store, storage, asked };
}

beforeEach(() => {
  worker.mockReset();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a model that was known by another hash', () => {
  const entries = {
    [`memit.drafts.${FORMER}`]: [draft],
    [`memit.settings.${FORMER}`]: { steps: '5' },
    [`memit.drafts.${OTHER}`]: [],
  };

  it('has its drafts and settings back, which are moved', async () => {
    const { store, storage, asked } = await loadWith(entries, () => Promise.resolve(FORMER));
    expect(asked).toBe(1);
    expect(store.getState().drafts).toEqual([draft]);
    expect(store.getState().settingsTexts.memit?.steps).toBe('5');
    expect(storage.getItem(`memit.drafts.${FORMER}`)).toBeNull();
    expect(storage.getItem(`memit.settings.${FORMER}`)).toBeNull();
    expect(storage.getItem(`memit.settings.${HASH}`)).toBe('{"steps":"5"}');
    expect(storage.getItem(`memit.drafts.${OTHER}`)).toBe('[]');

    // The other model's entry is no reason to ask again.
    await store.getState().load({ kind: 'files', name: 'tiny', files: [] });
    expect(worker.mock.calls.filter(([command]) => command === 'formerHash')).toHaveLength(1);
    expect(store.getState().drafts).toEqual([draft]);
  });

  it('starts as a new one where its former hash cannot be told', async () => {
    const { store, storage } = await loadWith(entries, () => Promise.reject(new Error('It stopped.')));
    expect(store.getState()).toMatchObject({ loadFailure: null, loading: null, model: { hash: HASH } });
    expect(store.getState().drafts.map(({ subject }) => subject)).toEqual(['Oslo']);
    expect(storage.getItem(`memit.drafts.${FORMER}`)).not.toBeNull();
  });

  it('is not asked for where nothing is stored in the former way, or something under the present hash', async () => {
    const never = (): Promise<string> => Promise.reject(new Error('not to be asked'));
    expect((await loadWith({ 'memit.theme': 'dark', 'memit.drafts.sha256:bb': [] }, never)).asked).toBe(0);
    worker.mockReset();
    const { store, asked } = await loadWith({ ...entries, [`memit.settings.${HASH}`]: {} }, never);
    expect(asked).toBe(0);
    expect(store.getState().drafts.map(({ subject }) => subject)).toEqual(['Oslo']);
  });
});

describe('storage that fails', () => {
  it('moves nothing and loses nothing', () => {
    const storage = fakeStorage({ [`memit.drafts.${FORMER}`]: [draft] }, { full: true });
    vi.stubGlobal('localStorage', storage);
    moveFormer(FORMER, HASH);
    expect(storage.getItem(`memit.drafts.${FORMER}`)).not.toBeNull();
    vi.stubGlobal('localStorage', undefined);
    expect(mayHaveFormer(HASH)).toBe(false);
  });
});
