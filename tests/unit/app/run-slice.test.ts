/** Runs as the store makes them, whatever the method: what is asked, what streams in, what is left in the end. */
import { createStore } from 'zustand/vanilla';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HistoryState, PatchSummary, RunEvent } from '../../../src/worker/api.ts';
import { WorkerError } from '../../../src/worker/client.ts';
import { call } from '../../../src/app/store/connection.ts';
import type { Store } from '../../../src/app/store/index.ts';
import { createMethodSlice } from '../../../src/app/store/method.ts';
import { createRunSlice, plannedFigures, runDisabledReason } from '../../../src/app/store/run.ts';
import { fakeStorage, MEMIT, MEMIT_SETTINGS, modelWith, NUDGE } from './fixtures/methods.ts';

vi.mock('../../../src/app/store/connection.ts', () => ({ call: vi.fn() }));
const worker = vi.mocked(call);

const draft = { id: 'rome', subject: ' Rome ', relationId: null, prompt: '{} is in', object: 'Spain' };

/** The slices over as much of the store as they touch. */
function opened() {
  const model = modelWith([MEMIT, NUDGE]);
  const store = createStore<Store>()(
    (set, get, api) =>
      ({
        ...createMethodSlice(set, get, api),
        ...createRunSlice(set, get, api),
        model,
        drafts: [draft],
        inspections: {},
        history: { patches: [], undoLabel: null, unsaved: null, aside: [] },
        workerLost: null,
        job: null,
        inspectNow: () => Promise.resolve(),
        announce: () => undefined,
        refreshComparison: () => undefined,
        adoptHistory: (history: HistoryState) => set({ history }),
        startJob: (kind: 'run', label: string) => {
          set({ job: { id: 'job', kind, label, fraction: null } });
          return 'job';
        },
        advanceJob: (_: string, fraction: number) => set({ job: { ...get().job!, fraction } }),
        endJob: () => set({ job: null }),
      }) as unknown as Store,
  );
  store.getState().resetMethod(model);
  return store;
}

type RunCall = [
  command: 'run',
  drafts: unknown,
  method: string,
  settings: unknown,
  fresh: boolean,
  onEvent: (event: RunEvent) => void,
];

/** The run under way: what it was asked, and how to answer. */
function pendingRun() {
  let answer: (history: HistoryState) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  worker.mockImplementation(
    () =>
      new Promise<never>((resolve, reject) => {
        answer = resolve as unknown as typeof answer;
        fail = reject;
      }),
  );
  const asked = (): RunCall => worker.mock.calls.findLast(([name]) => name === 'run') as unknown as RunCall;
  const phase = (id: string, done: number, total: number): void =>
    asked()[5]({ kind: 'phase', phase: id, done, total, detail: 'so far', secondsLeft: 3 });
  return {
    asked,
    phase,
    tell: (event: RunEvent) => asked()[5](event),
    answer: (history: HistoryState) => answer(history),
    fail: () => fail(new WorkerError({ code: 'cancelled', message: '', kept: '', next: '' })),
  };
}

beforeEach(() => {
  worker.mockReset();
  vi.stubGlobal('localStorage', fakeStorage());
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a run', () => {
  it('is of the chosen method with its settings, and follows its phases', async () => {
    const store = opened();
    store.getState().chooseMethod('nudge');
    store.getState().setSetting('places', '2-4');
    const run = pendingRun();
    const done = store.getState().startRun();
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    expect(run.asked().slice(0, 4)).toEqual(['run', [draft], 'nudge', { force: 1.5, places: [2, 3, 4] }]);
    expect(store.getState().job).toMatchObject({ kind: 'run', label: 'Running Nudge' });
    expect(runDisabledReason(store.getState())).toBe('A run is under way.');
    expect(store.getState().run).toMatchObject({
      status: 'running',
      edits: [{ subject: 'Rome', object: 'Spain' }],
      steps: null,
      layers: [2, 3, 4],
      phases: NUDGE.phases,
      progress: {},
    });

    run.phase('push', 1, 4);
    expect(store.getState().job?.fraction).toBe((1 + 1 / 4) / 2);
    expect(store.getState().run?.progress).toEqual({
      push: { done: 1, total: 4, detail: 'so far', secondsLeft: 3 },
    });
    // A phase that was not announced is shown nowhere and moves nothing.
    run.phase('other', 1, 1);
    expect(store.getState().job?.fraction).toBe((1 + 1 / 4) / 2);

    // Another method may be chosen meanwhile: the run stays what it is.
    store.getState().chooseMethod('memit');
    const patch = { id: 'p', seconds: 2, losses: [], layers: [] } as unknown as PatchSummary;
    run.answer({ patches: [patch], undoLabel: null, unsaved: null, aside: [] });
    await done;
    expect(store.getState()).toMatchObject({
      job: null,
      chosenPatchId: 'p',
      run: { status: 'done', seconds: 2, patchId: 'p', phases: NUDGE.phases },
    });
  });

  it('that is cancelled keeps how far it came', async () => {
    const store = opened();
    const run = pendingRun();
    const done = store.getState().startRun();
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    expect(run.asked().slice(2, 4)).toEqual(['memit', MEMIT_SETTINGS]);
    expect(store.getState()).toMatchObject({ job: { label: 'Running MEMIT' }, run: { steps: 25, layers: [1, 2, 3] } });
    run.phase('targets', 1, 2);
    expect(store.getState().job?.fraction).toBe((2 + 1 / 2) / 4);
    run.fail();
    await done;
    expect(store.getState()).toMatchObject({
      job: null,
      run: { status: 'cancelled', progress: { targets: { done: 1 } } },
    });
  });

  it('is held, let go on by a step, and all the way', async () => {
    const store = opened();
    const run = pendingRun();
    const done = store.getState().startRun(true);
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    expect(run.asked()[4]).toBe(true);
    void store.getState().pauseRun();
    expect(store.getState().run?.pause).toBe('asked');
    expect(worker).toHaveBeenLastCalledWith('pause');
    run.tell({ kind: 'paused' });
    expect(store.getState().run?.pause).toBe('held');
    void store.getState().resumeRun('step');
    expect(worker).toHaveBeenLastCalledWith('goOn', 'step');
    expect(store.getState().run?.pause).toBe('asked');
    run.tell({ kind: 'paused' });
    void store.getState().resumeRun();
    expect(worker).toHaveBeenLastCalledWith('goOn', 'open');
    expect(store.getState().run?.pause).toBe('none');
    // The promises of the later calls took the place of the run's.
    await Promise.race([done, Promise.resolve()]);
  });

  it('is not begun while a setting of its method is at fault', async () => {
    const store = opened();
    store.getState().setSetting('seed', '-1');
    expect(runDisabledReason(store.getState())).toBe('A setting needs attention: Must be at least 0.');
    await store.getState().startRun();
    expect(worker).not.toHaveBeenCalled();
    store.getState().chooseMethod('nudge');
    expect(runDisabledReason(store.getState())).toBeNull();
  });

  it('waits for another job, whose names keep their capitals', () => {
    const store = opened();
    store.setState({
      job: { id: 'x', kind: 'export', label: 'Writing the patch file of Rome → Spain', fraction: null },
    });
    expect(runDisabledReason(store.getState())).toBe(
      'Wait until this is done: writing the patch file of Rome → Spain.',
    );
  });
});

describe('what the charts are told beforehand', () => {
  it('comes from the settings where they say it', () => {
    expect(plannedFigures(MEMIT, MEMIT_SETTINGS)).toEqual({ steps: 25, layers: [1, 2, 3] });
    expect(plannedFigures(NUDGE, { force: 1, places: [5] })).toEqual({ steps: null, layers: [5] });
    expect(plannedFigures(null, { layers: [1], steps: 'many' })).toEqual({ steps: null, layers: [] });
  });
});
