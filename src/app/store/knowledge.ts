/** Which facts the model knows of those that ship, how asking for them goes, and the text for its statistics. */
import type { WorkerFailure } from '../../worker/api.ts';
import type { KnowledgeView, StatisticsTextView } from '../../worker/knowledge-api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import { busyDisabledReason } from './disabled-reasons.ts';
import type { Slice, Store } from './index.ts';

/** How many records are asked besides the prompts; 'all' of them may take long. */
export const RECORD_COUNTS = ['0', '1000', 'all'] as const;
export type RecordCount = (typeof RECORD_COUNTS)[number];

/** Asking for facts, now or last. */
export interface FindTask {
  status: 'running' | 'done' | 'cancelled' | 'failed';
  stage: string;
  done: number;
  total: number;
  secondsLeft: number | null;
  failure: WorkerFailure | null;
}

export interface KnowledgeSlice {
  /** Null while there is no model. */
  knowledge: KnowledgeView | null;
  recordCount: RecordCount;
  findTask: FindTask | null;
  /** Null where it is not counted yet, or there is none. */
  statisticsText: StatisticsTextView | null;
  /** For another model. */
  resetKnowledge(knowledge: KnowledgeView): void;
  chooseRecordCount(count: RecordCount): void;
  findFacts(): Promise<void>;
  /** Asks the worker what is known by now: what draws facts asks for them as well. */
  refreshKnowledge(): Promise<void>;
  /** Counts the text for statistics, once a model. */
  countStatisticsText(): Promise<void>;
}

const BEGUN: FindTask = { status: 'running', stage: '', done: 0, total: 0, secondsLeft: null, failure: null };

/** Why the model cannot be asked for facts now, in words, or null. */
export function findDisabledReason(state: Store): string | null {
  const busy = busyDisabledReason(state);
  if (busy !== null) return busy;
  return everythingAsked(state.knowledge) ? 'The model was asked everything there is.' : null;
}

function everythingAsked(knowledge: KnowledgeView | null): boolean {
  if (!knowledge?.counts) return false;
  const { prompts, records } = knowledge.counts;
  return prompts.asked >= prompts.of && records.asked >= records.of;
}

export const createKnowledgeSlice: Slice<KnowledgeSlice> = (set, get) => {
  let counted: Store['model'] = null;

  return {
    knowledge: null,
    recordCount: '1000',
    findTask: null,
    statisticsText: null,

    resetKnowledge(knowledge) {
      set({ knowledge, findTask: null, statisticsText: null });
    },

    chooseRecordCount(recordCount) {
      set({ recordCount });
    },

    async findFacts() {
      const { model, knowledge, recordCount } = get();
      if (findDisabledReason(get()) !== null || !knowledge?.counts) return;
      const current = (): boolean => get().model === model;
      const records = recordCount === 'all' ? knowledge.counts.records.of : Number(recordCount);
      const job = get().startJob('facts', 'Finding facts this model knows');
      const change = (part: Partial<FindTask>): void => {
        if (current()) set({ findTask: { ...(get().findTask ?? BEGUN), ...part } });
      };
      set({ findTask: BEGUN });
      try {
        const found = await call('findFacts', records, (event) => {
          change(event);
          get().advanceJob(job, event.total > 0 ? event.done / event.total : null);
        });
        if (current()) set({ knowledge: found });
        change({ status: 'done' });
        get().announce(`The model knows ${found.counts?.prompts.known ?? 0} of the facts it was asked.`);
      } catch (error) {
        const failure = toFailure(error);
        const cancelled = failure.code === 'cancelled';
        change({ status: cancelled ? 'cancelled' : 'failed', failure });
        if (cancelled) get().announce('Asking was cancelled; what was asked is kept.');
      } finally {
        get().endJob(job);
        if (get().findTask?.status !== 'done') await get().refreshKnowledge();
      }
    },

    async refreshKnowledge() {
      const { model, workerLost } = get();
      if (!model || workerLost || model.knowledge.origin !== 'shipped') return;
      const knowledge = await call('knowledge').catch(() => null);
      if (knowledge && get().model === model) set({ knowledge });
    },

    async countStatisticsText() {
      const { model } = get();
      if (!model || counted === model) return;
      counted = model;
      // Only a note hangs on it.
      const statisticsText = await call('statisticsText').catch(() => null);
      if (get().model === model) set({ statisticsText });
    },
  };
};
