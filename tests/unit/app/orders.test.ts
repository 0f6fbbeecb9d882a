/** What the store orders from the worker: files of the exporters that there are, and benchmarks with the chosen method. */
import { createStore } from 'zustand/vanilla';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ExportChoice, PatchSummary } from '../../../src/worker/api.ts';
import { WorkerError } from '../../../src/worker/client.ts';
import { saveFile } from '../../../src/app/shared/save-file.ts';
import { createBenchmarkSlice, editDisabledReason } from '../../../src/app/store/benchmark.ts';
import { call } from '../../../src/app/store/connection.ts';
import { createHistorySlice } from '../../../src/app/store/history.ts';
import type { Store } from '../../../src/app/store/index.ts';
import { createMethodSlice } from '../../../src/app/store/method.ts';
import { createRecordsSlice } from '../../../src/app/store/records.ts';
import { fakeStorage, MEMIT, modelWith, NUDGE } from './fixtures/methods.ts';

vi.mock('../../../src/app/store/connection.ts', () => ({ call: vi.fn() }));
vi.mock('../../../src/app/shared/save-file.ts', () => ({ saveFile: vi.fn() }));
const worker = vi.mocked(call);
const saved = vi.mocked(saveFile);

/** The slices over as much of the store as they touch; `labels` are the jobs' that were begun. */
function opened() {
  const labels: string[] = [];
  const model = modelWith([MEMIT, NUDGE]);
  const store = createStore<Store>()(
    (set, get, api) =>
      ({
        ...createHistorySlice(set, get, api),
        ...createMethodSlice(set, get, api),
        ...createRecordsSlice(set, get, api),
        ...createBenchmarkSlice(set, get, api),
        model,
        workerLost: null,
        job: null,
        announce: () => undefined,
        inspectNow: () => Promise.resolve(),
        refreshKnowledge: () => Promise.resolve(),
        startJob: (_: string, label: string) => labels.push(label),
        advanceJob: () => undefined,
        endJob: () => undefined,
      }) as unknown as Store,
  );
  store.getState().resetMethod(model);
  return { store, labels };
}

beforeEach(() => {
  worker.mockReset();
  saved.mockReset();
  vi.stubGlobal('localStorage', fakeStorage());
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('files', () => {
  const choice: ExportChoice = {
    exporter: 'adapter',
    label: 'LoRA adapter',
    help: 'The change alone.',
    options: { rank: 8 },
    needsPatch: true,
  };
  const blob = new Blob(['x']);

  it('are ordered from whatever exporter there is', async () => {
    const { store, labels } = opened();
    worker.mockResolvedValue({ name: 'demo.safetensors', blob });
    await store.getState().exportModel(choice);
    expect(worker.mock.calls).toEqual([['export', { exporter: 'adapter', options: { rank: 8 }, patchId: null }]]);
    expect(saved).toHaveBeenCalledWith('demo.safetensors', blob);
    expect(labels).toEqual(['Writing “LoRA adapter”']);
  });

  it('of one patch are the patch exporter’s', async () => {
    const { store, labels } = opened();
    worker.mockResolvedValue({ name: 'p.safetensors', blob });
    await store.getState().exportPatch({ id: 'p', name: 'Rome → Spain' } as PatchSummary);
    expect(worker.mock.calls).toEqual([['export', { exporter: 'patch', options: {}, patchId: 'p' }]]);
    expect(labels).toEqual(['Writing the patch file of Rome → Spain']);
  });

  it('that cannot be written are told of, and can be ordered again', async () => {
    const { store } = opened();
    worker.mockRejectedValueOnce(new WorkerError({ code: 'export', message: 'Too large.', kept: '', next: '' }));
    await store.getState().exportModel(choice);
    expect(store.getState().historyFailure?.failure.message).toBe('Too large.');
    worker.mockResolvedValue({ name: 'demo.safetensors', blob });
    await store.getState().historyFailure?.retry?.();
    expect(saved).toHaveBeenCalledOnce();
    expect(store.getState().historyFailure).toBeNull();
  });
});

describe('a benchmark', () => {
  const answer = { report: { cases: [] }, history: { patches: [], undoLabel: null, unsaved: null } };

  it('edits with the chosen method, and its report remembers which that was', async () => {
    const { store } = opened();
    worker.mockResolvedValue(answer as never);
    store.getState().chooseMethod('nudge');
    store.getState().setBenchmarkUnedited(true);
    const done = store.getState().startBenchmark(true);
    store.getState().chooseMethod('memit');
    await done;
    const edit = { method: 'nudge', settings: { force: 1.5, places: [0] }, unedited: true };
    expect(worker.mock.calls[0][2]).toEqual({ edit, generate: false });
    expect(store.getState().reports).toMatchObject([{ number: 1, method: NUDGE }]);
  });

  it('that only measures names no method, and needs no settings', async () => {
    const { store } = opened();
    worker.mockResolvedValue(answer as never);
    store.getState().setSetting('steps', '');
    expect(editDisabledReason(store.getState())).toBe('A setting of the run needs attention: Write a number.');
    await store.getState().startBenchmark(true);
    expect(worker).not.toHaveBeenCalled();
    await store.getState().startBenchmark(false);
    expect(worker.mock.calls[0][2]).toEqual({ edit: null, generate: false });
    expect(store.getState().reports).toMatchObject([{ number: 1, method: null }]);
  });
});
