/** CounterFact records: an edit, and the prompts that tell whether it worked, generalises and left others alone. */
import { z } from 'zod';

/** In the reference's own words, as its files and its results have them. */
export const recordSchema = z.looseObject({
  case_id: z.union([z.number(), z.string()]),
  requested_rewrite: z.looseObject({
    /** With {} for the subject. */
    prompt: z.string(),
    subject: z.string().min(1),
    target_new: z.looseObject({ str: z.string().min(1) }),
    target_true: z.looseObject({ str: z.string().min(1) }),
    relation_id: z.string().optional(),
  }),
  paraphrase_prompts: z.array(z.string()),
  /** About other subjects that have the true object. */
  neighborhood_prompts: z.array(z.string()),
});

export type CounterFactRecord = z.infer<typeof recordSchema>;
