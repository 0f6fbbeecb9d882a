/** The page's state: one store of slices; their actions are the only callers of the worker. */
import { create, type StateCreator } from 'zustand';
import { createBenchmarkSlice, type BenchmarkSlice } from './benchmark.ts';
import { createCompareSlice, type CompareSlice } from './compare.ts';
import { createDraftsSlice, type DraftsSlice } from './drafts.ts';
import { createFreePromptsSlice, type FreePromptsSlice } from './free-prompts.ts';
import { createHistorySlice, type HistorySlice } from './history.ts';
import { createKnowledgeSlice, type KnowledgeSlice } from './knowledge.ts';
import { createLensSlice, type LensSlice } from './lens.ts';
import { createMethodSlice, type MethodSlice } from './method.ts';
import { createModelSlice, type ModelSlice } from './model.ts';
import { createModelsSlice, type ModelsSlice } from './models.ts';
import { createReachSlice, type ReachSlice } from './reach.ts';
import { createRecordsSlice, type RecordsSlice } from './records.ts';
import { createRowsSlice, type RowsSlice } from './rows.ts';
import { createRunSlice, type RunSlice } from './run.ts';
import { createSweepSlice, type SweepSlice } from './sweep.ts';
import { createTourSlice, type TourSlice } from './tour.ts';
import { createTraceSlice, type TraceSlice } from './trace.ts';
import { createViewSlice, type ViewSlice } from './view.ts';

export type Store = ViewSlice &
  TourSlice &
  ModelSlice &
  ModelsSlice &
  DraftsSlice &
  RowsSlice &
  KnowledgeSlice &
  MethodSlice &
  RunSlice &
  HistorySlice &
  CompareSlice &
  FreePromptsSlice &
  TraceSlice &
  LensSlice &
  ReachSlice &
  RecordsSlice &
  BenchmarkSlice &
  SweepSlice;
export type Slice<T> = StateCreator<Store, [], [], T>;

export const useStore = create<Store>()((...args) => ({
  ...createViewSlice(...args),
  ...createTourSlice(...args),
  ...createModelSlice(...args),
  ...createModelsSlice(...args),
  ...createDraftsSlice(...args),
  ...createRowsSlice(...args),
  ...createKnowledgeSlice(...args),
  ...createMethodSlice(...args),
  ...createRunSlice(...args),
  ...createHistorySlice(...args),
  ...createCompareSlice(...args),
  ...createFreePromptsSlice(...args),
  ...createTraceSlice(...args),
  ...createLensSlice(...args),
  ...createReachSlice(...args),
  ...createRecordsSlice(...args),
  ...createBenchmarkSlice(...args),
  ...createSweepSlice(...args),
}));
