/** Traces as the store runs them: jobs, what streams in, what is left after a cancel or a failure. */
import { createStore } from 'zustand/vanilla';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { TraceEvent, TraceView } from '../../../src/worker/trace-api.ts';
import { WorkerError } from '../../../src/worker/client.ts';
import { call } from '../../../src/app/store/connection.ts';
import type { Store } from '../../../src/app/store/index.ts';
import {
  averageDisabledReason,
  createTraceSlice,
  draftToTrace,
  lockedBy,
  traceDisabledReason,
} from '../../../src/app/store/trace.ts';
import { MEMIT, NUDGE } from './fixtures/methods.ts';

vi.mock('../../../src/app/store/connection.ts', () => ({ call: vi.fn() }));
const worker = vi.mocked(call);

const view: TraceView = {
  prompt: 'Rome is in',
  subject: 'Rome',
  tokens: [
    { id: 1, text: 'Rome', subject: true, position: 'last subject' },
    { id: 2, text: ' in', subject: false, position: 'last' },
  ],
  answer: { id: 3, token: ' Italy', probability: 0.9 },
  corrupted: 0.1,
  top: [],
  knownObject: 'Italy',
  note: null,
  noise: 0.2,
  grids: [{ kind: 'hidden', severed: 'none', scores: [[null], [null]], says: [[null], [null]] }],
  band: null,
  cost: { computed: 0, plain: 4 },
  seconds: 0,
};
const token: TraceEvent = { kind: 'token', grid: 0, token: 1, scores: [0.4], says: [' Spain'] };

/** The slice over as much of the store as it touches. */
function storeOf(change: Partial<Store> = {}) {
  return createStore<Store>()(
    (set, get, api) =>
      ({
        ...createTraceSlice(set, get, api),
        drafts: [
          { id: 'empty', subject: ' ', relationId: null, prompt: '{} is in', object: '' },
          { id: 'rome', subject: 'Rome', relationId: null, prompt: '{} is in', object: '' },
        ],
        inspections: {},
        history: { patches: [], undoLabel: null, unsaved: null },
        model: { relations: [{}], layerCount: 1 },
        workerLost: null,
        job: null,
        run: null,
        workTab: 'run',
        showWork: (workTab: Store['workTab']) => set({ workTab }),
        inspectNow: () => Promise.resolve(),
        refreshKnowledge: () => Promise.resolve(),
        announce: () => undefined,
        startJob: (kind: 'trace', label: string) => {
          set({ job: { id: 'job', kind, label, fraction: null } });
          return 'job';
        },
        advanceJob: (_: string, fraction: number) => set({ job: { ...get().job!, fraction } }),
        endJob: () => set({ job: null }),
        ...change,
      }) as unknown as Store,
  );
}

type TraceCall = [
  method: 'trace',
  draft: Store['drafts'][number],
  settings: unknown,
  unedited: boolean,
  onEvent: (event: TraceEvent) => void,
];

/** The trace under way: what it was asked, and how to answer. */
function pendingTrace() {
  let answer: (view: TraceView) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  worker.mockImplementation(
    () =>
      new Promise<never>((resolve, reject) => {
        answer = resolve as unknown as typeof answer;
        fail = reject;
      }),
  );
  return {
    asked: () => worker.mock.calls.at(-1) as unknown as TraceCall,
    tell: (event: TraceEvent) => (worker.mock.calls.at(-1) as unknown as TraceCall)[4](event),
    answer: (result: TraceView) => answer(result),
    fail: (code: 'cancelled' | 'numeric') =>
      fail(new WorkerError({ code, message: 'It stopped.', kept: 'All.', next: '' })),
  };
}

beforeEach(() => {
  worker.mockReset();
});

describe('a trace', () => {
  it('is of the first row that can be traced, fills in, and is the job meanwhile', async () => {
    const store = storeOf();
    const trace = pendingTrace();
    const done = store.getState().startTrace();
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    expect(trace.asked()[1].id).toBe('rome');
    expect(store.getState()).toMatchObject({ workTab: 'trace', job: { kind: 'trace', label: 'Tracing edit 2' } });
    expect(lockedBy(store.getState())).toBe('trace');
    expect(traceDisabledReason(store.getState())).toMatch(/Wait until this is done: Tracing edit 2/);

    trace.tell({ kind: 'start', view });
    trace.tell(token);
    trace.tell({ kind: 'progress', done: 1, total: 4, detail: 'A quarter', secondsLeft: 3 });
    expect(store.getState().traced).toMatchObject({ complete: false, view: { grids: [{ scores: [[null], [0.4]] }] } });
    expect(store.getState().job?.fraction).toBe(0.25);
    expect(store.getState().traceTask).toMatchObject({ detail: 'A quarter', secondsLeft: 3 });

    trace.answer({ ...view, seconds: 2 });
    await done;
    expect(store.getState()).toMatchObject({
      job: null,
      traceTask: { status: 'done' },
      traced: { complete: true, view: { seconds: 2 }, question: { draftId: 'rome' } },
    });
    expect(lockedBy(store.getState())).toBeNull();
  });

  it('keeps what had arrived when it is cancelled', async () => {
    const store = storeOf();
    const trace = pendingTrace();
    const done = store.getState().startTrace('rome');
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    trace.tell({ kind: 'start', view });
    trace.tell(token);
    trace.fail('cancelled');
    await done;
    expect(store.getState()).toMatchObject({
      job: null,
      traceTask: { status: 'cancelled' },
      traced: { complete: false },
    });
    expect(store.getState().traced?.view.grids[0]?.says[1]).toEqual([' Spain']);
  });

  it('of an edited model has that of the unedited one beside it: asked for, or taken before the edit', async () => {
    const store = storeOf();
    const trace = pendingTrace();
    const finish = async (running: Promise<void>, answer: TraceView): Promise<void> => {
      trace.tell({ kind: 'start', view: answer });
      trace.answer(answer);
      await running;
    };
    let running = store.getState().startTrace('rome');
    await vi.waitFor(() => expect(worker).toHaveBeenCalledTimes(1));
    await finish(running, { ...view, seconds: 1 });
    expect(store.getState().tracedUnedited).toBeNull();

    const patches = [{ id: 'p', enabled: true }] as Store['history']['patches'];
    store.setState({ history: { ...store.getState().history, patches } });
    running = store.getState().startTrace('rome');
    await vi.waitFor(() => expect(worker).toHaveBeenCalledTimes(2));
    await finish(running, { ...view, seconds: 2 });
    expect(trace.asked()[3]).toBe(false);
    expect(store.getState().tracedUnedited?.view.seconds).toBe(1);

    running = store.getState().traceUnedited();
    await vi.waitFor(() => expect(worker).toHaveBeenCalledTimes(3));
    expect(trace.asked()[3]).toBe(true);
    await finish(running, { ...view, seconds: 3 });
    expect(store.getState().tracedUnedited).toMatchObject({ view: { seconds: 3 }, question: { patches: '' } });
    expect(store.getState().traced?.view.seconds).toBe(2);

    // Of another prompt there is nothing to stand beside.
    store.setState({ drafts: [{ id: 'rome', subject: 'Oslo', relationId: null, prompt: '{} is in', object: '' }] });
    running = store.getState().startTrace('rome');
    await vi.waitFor(() => expect(worker).toHaveBeenCalledTimes(4));
    await finish(running, view);
    expect(store.getState().tracedUnedited).toBeNull();
  });

  it('that fails before it began leaves the trace before it, and says why', async () => {
    const before = { view, question: { draftId: 'rome', prompt: '', patches: '' }, settings: null, complete: true };
    const store = storeOf({ traced: before as unknown as Store['traced'] });
    const trace = pendingTrace();
    const done = store.getState().startTrace('rome');
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    trace.fail('numeric');
    await done;
    expect(store.getState().traceTask).toMatchObject({ status: 'failed', failure: { message: 'It stopped.' } });
    expect(store.getState().traced).toBe(before);
  });

  it('of a model that was closed meanwhile is not shown', async () => {
    const store = storeOf();
    const trace = pendingTrace();
    const done = store.getState().startTrace();
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    store.getState().resetTrace(null, 6);
    trace.tell({ kind: 'start', view });
    trace.answer(view);
    await done;
    expect(store.getState()).toMatchObject({ traced: null, traceTask: null, traceSettings: { window: '6' } });
  });

  it('takes the band set by hand away when another begins', async () => {
    const store = storeOf({ bandByHand: { first: 0, last: 0 }, curveSource: 'average' });
    const trace = pendingTrace();
    const done = store.getState().startTrace();
    await vi.waitFor(() => expect(worker).toHaveBeenCalled());
    expect(store.getState().bandByHand).not.toBeNull();
    trace.tell({ kind: 'start', view });
    expect(store.getState()).toMatchObject({ bandByHand: null, curveSource: 'prompt' });
    trace.answer(view);
    await done;
  });
});

describe('the layers that a trace proposes', () => {
  it('are written into the next run’s field for layers, whatever it is called', () => {
    const setSetting = vi.fn();
    const model = { relations: [], methods: [MEMIT, NUDGE] } as unknown as Store['model'];
    const store = storeOf({ model, methodId: 'nudge', setSetting });
    store.getState().applyBand({ first: 2, last: 4 });
    expect(setSetting).toHaveBeenCalledWith('places', '2, 3, 4');
    store.setState({ methodId: 'memit' });
    store.getState().applyBand({ first: 0, last: 0 });
    expect(setSetting).toHaveBeenLastCalledWith('layers', '0');
  });
});

describe('what stands against a trace', () => {
  it('is said in words, and then nothing is asked', async () => {
    const store = storeOf();
    expect(traceDisabledReason(store.getState(), 'empty')).toBe('Edit 1 has no subject.');
    await store.getState().startTrace('empty');
    expect(worker).not.toHaveBeenCalled();
    expect(draftToTrace(store.getState())?.id).toBe('empty');
    store.getState().changeTraceSettings({ samples: '' });
    expect(traceDisabledReason(store.getState(), 'rome')).toMatch(/setting.*Write a number/);
  });

  it('is for the average a list of facts that is missing, or a bad number', () => {
    expect(averageDisabledReason(storeOf().getState())).toBeNull();
    expect(averageDisabledReason(storeOf({ factCount: '0' }).getState())).toMatch(/Number of facts/);
    expect(averageDisabledReason(storeOf({ knowledge: { origin: 'shipped', counts: null } }).getState())).toBeNull();
    const knowledge = { origin: 'none', counts: null } as const;
    expect(averageDisabledReason(storeOf({ knowledge }).getState())).toMatch(/without a list of facts/);
  });
});
