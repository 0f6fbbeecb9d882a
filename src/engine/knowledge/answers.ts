/** What a model was asked of the data that ship, and how it answered; kept with the model, so that nothing is asked twice. */
import { z } from 'zod';

export interface RecordAnswer {
  /** The true object is the model's own answer. */
  readonly top: boolean;
  /** It is more probable than the new one. */
  readonly preferred: boolean;
}

const idsSchema = z.array(z.number().int());
const keptSchema = z.object({
  version: z.literal(1),
  /** Ids of prompts (known_1000). */
  prompts: z.object({ known: idsSchema, unknown: idsSchema }),
  /** Ids of records (CounterFact): of all that were asked, and of those that were answered in these ways. */
  records: z.object({ asked: idsSchema, top: idsSchema, preferred: idsSchema }),
});

export type KeptAnswers = z.infer<typeof keptSchema>;

/** Where answers are kept: IndexedDB in the browser, a folder in Node. */
export interface AnswerStore {
  /** Whatever is kept for a model; null where there is nothing. */
  loadAnswers(modelHash: string): Promise<unknown>;
  saveAnswers(modelHash: string, answers: KeptAnswers): Promise<void>;
}

export class Answers {
  /** By the prompt's id: whether the model answers it. */
  readonly prompts = new Map<number, boolean>();
  /** By the record's id. */
  readonly records = new Map<number, RecordAnswer>();

  /** Of what was kept; empty where that is of no form that is known. */
  static from(kept: unknown): Answers {
    const answers = new Answers();
    const read = keptSchema.safeParse(kept);
    if (!read.success) return answers;
    const { prompts, records } = read.data;
    for (const id of prompts.known) answers.prompts.set(id, true);
    for (const id of prompts.unknown) answers.prompts.set(id, false);
    const [top, preferred] = [new Set(records.top), new Set(records.preferred)];
    for (const id of records.asked) answers.records.set(id, { top: top.has(id), preferred: preferred.has(id) });
    return answers;
  }

  kept(): KeptAnswers {
    const prompts = [...this.prompts];
    const records = [...this.records];
    return {
      version: 1,
      prompts: {
        known: prompts.filter(([, known]) => known).map(([id]) => id),
        unknown: prompts.filter(([, known]) => !known).map(([id]) => id),
      },
      records: {
        asked: records.map(([id]) => id),
        top: records.filter(([, { top }]) => top).map(([id]) => id),
        preferred: records.filter(([, { preferred }]) => preferred).map(([id]) => id),
      },
    };
  }
}
