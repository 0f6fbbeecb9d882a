/** Records: an edit, and the prompts that tell whether it worked, generalises and leaves others alone. */
import { z } from 'zod';
import { relationIdSchema } from '../tokens/request.ts';
import { fillPrompt } from '../tokens/template.ts';

const text = z.string().min(1);

/**
 * CounterFact's form, in the reference's own words, as its files and its results have them. Records of other benchmarks take the
 * same form, as they do there (experiments/py/dsets/zsre.py): zsRE's have no true object, and neighbours with answers of their own.
 */
export const recordSchema = z.looseObject({
  case_id: z.union([z.number(), z.string()]),
  requested_rewrite: z.looseObject({
    /** With {} for the subject. */
    prompt: z.string(),
    subject: text,
    target_new: z.looseObject({ str: text }),
    target_true: z.looseObject({ str: text }).optional(),
    relation_id: relationIdSchema,
  }),
  paraphrase_prompts: z.array(z.string()),
  /** About other subjects, which have the true object or the answer that is given. */
  neighborhood_prompts: z.array(z.union([z.string(), z.looseObject({ prompt: text, target: text })])),
  /** Beginnings that the model continues at length. */
  generation_prompts: z.array(z.string()).optional(),
});

export type EvaluationRecord = z.infer<typeof recordSchema>;

/** Which prompts of a record: those of the edit itself, its paraphrases, its neighbours. */
export const PROMPT_GROUPS = ['rewrite', 'paraphrase', 'neighborhood'] as const;
export type PromptGroup = (typeof PROMPT_GROUPS)[number];

/** A prompt and the objects it is asked for. */
export interface RecordPrompt {
  readonly prompt: string;
  /** Null for a neighbour with an answer of its own. */
  readonly targetNew: string | null;
  /** The true object, or the neighbour's own answer; null where the record has none. */
  readonly targetTrue: string | null;
}

/** The neighbours that can be asked: those with an answer of their own and, where there is a true object, the others. */
export function answerableNeighbours(record: EvaluationRecord): EvaluationRecord['neighborhood_prompts'] {
  const known = record.requested_rewrite.target_true !== undefined;
  return record.neighborhood_prompts.filter((neighbour) => known || typeof neighbour !== 'string');
}

/** Every prompt of a record. The right object is the true one for neighbours, else the new one. */
export function promptsOf(record: EvaluationRecord): Record<PromptGroup, RecordPrompt[]> {
  const { prompt, subject, target_new: targetNew, target_true: targetTrue } = record.requested_rewrite;
  const both = { targetNew: targetNew.str, targetTrue: targetTrue?.str ?? null };
  return {
    rewrite: [{ prompt: fillPrompt(prompt, subject), ...both }],
    paraphrase: record.paraphrase_prompts.map((paraphrase) => ({ prompt: paraphrase, ...both })),
    neighborhood: answerableNeighbours(record).map((neighbour) =>
      typeof neighbour === 'string'
        ? { prompt: neighbour, ...both }
        : { prompt: neighbour.prompt, targetNew: null, targetTrue: neighbour.target },
    ),
  };
}
