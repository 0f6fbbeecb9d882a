/** CounterFact records: an edit, and the prompts that tell whether it worked, generalises and left others alone. */
import { z } from 'zod';
import { EngineError } from '../errors.ts';

/** In the reference's own words, as its files and its results have them. */
const recordSchema = z.looseObject({
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

/** A record that cannot be used. */
export interface RecordFault {
  readonly index: number;
  readonly reason: string;
}

/**
 * Reads a list of records (counterfact.json, multi_counterfact.json, benchmark.json of a model); those at fault are told and left out.
 * @throws EngineError ('input') when it is not a list, or no record is usable
 */
export function parseRecords(value: unknown): { records: CounterFactRecord[]; faults: RecordFault[] } {
  if (!Array.isArray(value)) throw new EngineError('input', 'The records must be a JSON list.');
  const records: CounterFactRecord[] = [];
  const faults: RecordFault[] = [];
  value.forEach((entry, index) => {
    const parsed = recordSchema.safeParse(entry);
    if (parsed.success) {
      records.push(parsed.data);
      return;
    }
    const [issue] = parsed.error.issues;
    faults.push({ index, reason: `${issue.path.join('.')}: ${issue.message}` });
  });
  if (records.length === 0) {
    const why = faults.length === 0 ? 'the list is empty' : `record 0 has ${faults[0].reason}`;
    throw new EngineError('input', `There is no usable CounterFact record: ${why}.`);
  }
  return { records, faults };
}
