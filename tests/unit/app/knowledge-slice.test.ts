/** Finding facts from the page: what the worker is asked, what is shown of its answer, and when it cannot be asked. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createStore } from 'zustand';
import { call } from '../../../src/app/store/connection.ts';
import type { Store } from '../../../src/app/store/index.ts';
import { createKnowledgeSlice, findDisabledReason } from '../../../src/app/store/knowledge.ts';
import type { KnowledgeCounts, KnowledgeView } from '../../../src/worker/knowledge-api.ts';
import { WorkerError } from '../../../src/worker/client.ts';

vi.mock('../../../src/app/store/connection.ts', () => ({ call: vi.fn() }));
const worker = vi.mocked(call);

function viewOf(asked: number, recordsAsked: number): KnowledgeView {
  const counts: KnowledgeCounts = {
    prompts: { asked, known: Math.floor(asked / 4), of: 809 },
    records: { asked: recordsAsked, preferred: recordsAsked, top: 0, of: 11_775 },
  };
  return { origin: 'shipped', counts };
}

function storeOf(change: Partial<Store> = {}) {
  return createStore<Store>()(
    (set, get, api) =>
      ({
        ...createKnowledgeSlice(set, get, api),
        model: { hash: 'one', knowledge: viewOf(0, 0) },
        knowledge: viewOf(0, 0),
        workerLost: null,
        job: null,
        announce: () => undefined,
        startJob: () => 'job',
        advanceJob: () => undefined,
        endJob: () => undefined,
        ...change,
      }) as unknown as Store,
  );
}

beforeEach(() => {
  worker.mockReset();
});

describe('finding facts', () => {
  it('asks for as many records as are chosen, tells how it goes, and shows what is found', async () => {
    const store = storeOf();
    const found = viewOf(809, 11_775);
    store.getState().chooseRecordCount('all');
    worker.mockImplementationOnce((...[, , onEvent]: unknown[]) => {
      (onEvent as (event: unknown) => void)({ stage: 'Asking records', done: 3, total: 9, secondsLeft: 2 });
      expect(store.getState().findTask).toMatchObject({
        status: 'running',
        stage: 'Asking records',
        done: 3,
        total: 9,
      });
      return Promise.resolve(found);
    });
    await store.getState().findFacts();
    expect(worker.mock.calls.map((args) => args.slice(0, 2))).toEqual([['findFacts', 11_775]]);
    expect(store.getState()).toMatchObject({ knowledge: found, findTask: { status: 'done' } });
    expect(findDisabledReason(store.getState())).toMatch(/everything/);
    await store.getState().findFacts();
    expect(worker).toHaveBeenCalledTimes(1);
  });

  it('that is cancelled shows what was asked by then', async () => {
    const store = storeOf();
    const partly = viewOf(128, 0);
    const failure = { code: 'cancelled', message: 'Cancelled.', kept: '', next: '' } as const;
    worker.mockRejectedValueOnce(new WorkerError(failure)).mockResolvedValueOnce(partly);
    await store.getState().findFacts();
    expect(worker.mock.calls.map(([command]) => command)).toEqual(['findFacts', 'knowledge']);
    expect(store.getState()).toMatchObject({ knowledge: partly, findTask: { status: 'cancelled' } });
  });

  it('of a model that was closed meanwhile is not shown', async () => {
    const store = storeOf();
    const other = viewOf(5, 5);
    worker.mockImplementationOnce(() => {
      store.setState({ model: { hash: 'two', knowledge: other } as unknown as Store['model'] });
      store.getState().resetKnowledge(other);
      return Promise.resolve(viewOf(809, 1000));
    });
    worker.mockResolvedValue(other);
    await store.getState().findFacts();
    expect(store.getState()).toMatchObject({ knowledge: other, findTask: null });
  });

  it('is not for a model that came with facts of its own', async () => {
    const own: KnowledgeView = { origin: 'model', counts: null };
    const store = storeOf({ knowledge: own, model: { hash: 'one', knowledge: own } as unknown as Store['model'] });
    await store.getState().findFacts();
    await store.getState().refreshKnowledge();
    expect(worker).not.toHaveBeenCalled();
  });
});

it('the text for statistics is counted once a model', async () => {
  const store = storeOf();
  const text = { origin: 'shipped', documents: 911, tokens: 145_861, enough: 15_360 };
  worker.mockResolvedValue(text as never);
  await store.getState().countStatisticsText();
  await store.getState().countStatisticsText();
  expect(worker).toHaveBeenCalledTimes(1);
  expect(store.getState().statisticsText).toEqual(text);
});
