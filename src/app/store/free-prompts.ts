/** Prompts of the user's own: the unedited model beside the model as it is now. */
import type { FreeComparison, WorkerFailure } from '../../worker/api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import type { Slice } from './index.ts';

export interface FreePromptsSlice {
  /** One prompt a line. */
  freeText: string;
  /** Whether next words are drawn, with this seed, or the most probable ones. */
  freeSampled: boolean;
  freeSeed: number;
  freeResults: readonly FreeComparison[];
  /** While the models are asked, how many prompts are done. */
  freeBusy: { done: number; total: number } | null;
  freeFailure: WorkerFailure | null;
  setFreeText(text: string): void;
  setFreeSampled(sampled: boolean): void;
  /** Asks both models every line. With `again`, drawn words are drawn anew. */
  tryFreePrompts(again?: boolean): Promise<void>;
  resetFreePrompts(): void;
}

/** Lines with something in them; spaces at their ends would be tokens of their own. */
export function promptsOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

export const createFreePromptsSlice: Slice<FreePromptsSlice> = (set, get) => {
  let turns = 0;
  return {
    freeText: '',
    freeSampled: false,
    freeSeed: 0,
    freeResults: [],
    freeBusy: null,
    freeFailure: null,

    setFreeText(freeText) {
      set({ freeText });
    },
    setFreeSampled(freeSampled) {
      set({ freeSampled });
      if (get().freeResults.length > 0) void get().tryFreePrompts();
    },
    async tryFreePrompts(again = false) {
      const prompts = promptsOf(get().freeText);
      if (prompts.length === 0) return;
      turns += 1;
      const turn = turns;
      if (again) set({ freeSeed: get().freeSeed + 1 });
      set({ freeBusy: { done: 0, total: prompts.length }, freeFailure: null });
      try {
        const { freeSampled, freeSeed } = get();
        const freeResults = await call('tryPrompts', prompts, freeSampled ? freeSeed : null, (done, total) => {
          if (turn === turns) set({ freeBusy: { done, total } });
        });
        if (turn !== turns) return;
        set({ freeResults });
        get().announce(`Asked ${prompts.length === 1 ? 'the prompt' : `${prompts.length} prompts`} of both models.`);
      } catch (error) {
        // Answers that are not to this question would be taken for it.
        if (turn === turns) set({ freeResults: [], freeFailure: get().workerLost ? null : toFailure(error) });
      } finally {
        if (turn === turns) set({ freeBusy: null });
      }
    },
    resetFreePrompts() {
      turns += 1;
      set({ freeResults: [], freeBusy: null, freeFailure: null });
    },
  };
};
