/**
 * Records from the files people have: CounterFact (full, multi_counterfact, the flattened form of a line each), EasyEdit's requests,
 * and tables of subject, prompt and objects as CSV, TSV, JSON or JSONL. Nothing is dropped silently: what cannot be used is told.
 */
import Papa from 'papaparse';
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import { type CounterFactRecord, recordSchema } from './records.ts';

export type RecordForm = 'counterfact' | 'flat';

export interface ImportFault {
  /** Number of the record in the file, from 1. */
  readonly record: number;
  readonly reason: string;
}

export interface ImportedRecords {
  readonly records: CounterFactRecord[];
  /** Of what was left out. */
  readonly faults: ImportFault[];
  /** Of what was kept, but not whole. */
  readonly notes: ImportFault[];
}

const text = z.string().trim().min(1);
/** A string, CounterFact's { str }, or a list of which the first counts. */
const object = z.union([
  text,
  z.object({ str: text }).transform(({ str }) => str),
  z
    .array(text)
    .min(1)
    .transform(([first]) => first),
]);
const texts = z.union([z.array(text), text.transform((one) => [one])]);

/**
 * Names that the columns of tables and the fields of flat records go by: EasyEdit's, the flattened CounterFact's, and what people
 * write over columns. Lower case, words joined by underscores.
 */
const COLUMNS = {
  caseId: ['case_id', 'id', 'caseid'],
  subject: ['subject', 'entity'],
  prompt: ['prompt', 'relation', 'template', 'question'],
  targetNew: ['target_new', 'targetnew', 'object', 'new', 'new_object', 'target', 'edit'],
  targetTrue: ['target_true', 'ground_truth', 'true', 'true_object', 'old', 'old_object', 'answer'],
  paraphrases: ['paraphrase_prompts', 'rephrase_prompt', 'rephrase', 'paraphrase', 'paraphrases'],
  neighbours: ['neighborhood_prompts', 'locality_prompt', 'neighborhood', 'neighbourhood', 'neighbours'],
  neighbourTruth: ['locality_ground_truth'],
  relationId: ['relation_id', 'relationid'],
} as const;

const flatSchema = z.object({
  caseId: z.union([z.string(), z.number()]).optional(),
  subject: text,
  prompt: text,
  targetNew: object,
  targetTrue: object,
  paraphrases: texts.default([]),
  neighbours: texts.default([]),
  neighbourTruth: object.optional(),
  relationId: text.optional(),
});

const FIELD_NAMES: Record<string, string> = {
  subject: 'the subject',
  prompt: 'the prompt',
  targetNew: 'the new object',
  targetTrue: 'the true object',
};

/**
 * Reads a file's text. Tables need a header line; prompts hold {} or the subject itself.
 * @throws EngineError ('input') when it is none of the forms, or no record is usable
 */
export function importRecords(content: string): ImportedRecords {
  const entries = entriesOf(content.replace(/^\uFEFF/, '').trim());
  const records: CounterFactRecord[] = [];
  const faults: ImportFault[] = [];
  const notes: ImportFault[] = [];
  entries.forEach((entry, i) => {
    const record = i + 1;
    const read = readEntry(entry, i);
    if (typeof read === 'string') faults.push({ record, reason: read });
    else {
      records.push(read.record);
      if (read.note !== null) notes.push({ record, reason: read.note });
    }
  });
  if (records.length === 0) {
    const why = faults.length === 0 ? 'there is nothing in it' : `record 1: ${faults[0].reason}`;
    throw new EngineError('input', `No record can be used: ${why}.`, {
      next: 'Give CounterFact or EasyEdit JSON, or a table with the columns subject, prompt, target_new and target_true.',
    });
  }
  return { records, faults, notes };
}

/** The entries of a JSON list, of JSON lines (a line that is none becomes its own fault), or of a table. */
function entriesOf(content: string): unknown[] {
  if (content === '') return [];
  if (content.startsWith('[')) {
    const list = parsed(content);
    if (list instanceof Error) throw new EngineError('input', `This is no JSON: ${list.message}.`);
    return list as unknown[];
  }
  if (content.startsWith('{')) {
    const whole = parsed(content);
    if (!(whole instanceof Error)) return [whole];
    return content
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .map(parsed);
  }
  const { data, meta } = Papa.parse<Record<string, string>>(content, { header: true, skipEmptyLines: 'greedy' });
  if ((meta.fields?.length ?? 0) < 2) {
    throw new EngineError('input', 'This is neither JSON nor a table with a header line.');
  }
  return data;
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The record, or why it cannot be used. */
function readEntry(entry: unknown, index: number): { record: CounterFactRecord; note: string | null } | string {
  if (entry instanceof Error) return `this line is no JSON (${entry.message})`;
  if (typeof entry !== 'object' || entry === null) return 'this is no record';
  if ('requested_rewrite' in entry) return readCounterFact(entry, index);
  if ('src' in entry && 'answers' in entry) return 'zsRE records are not supported';
  return readFlat(entry as Record<string, unknown>, index);
}

/** multi_counterfact and hand-made lists may lack a number, paraphrases or neighbours. */
function readCounterFact(entry: object, index: number): { record: CounterFactRecord; note: string | null } | string {
  const read = recordSchema.safeParse({
    case_id: index,
    paraphrase_prompts: [],
    neighborhood_prompts: [],
    ...entry,
  });
  if (!read.success) return issueOf(read.error);
  const { prompt } = read.data.requested_rewrite;
  return prompt.includes('{}') ? { record: read.data, note: null } : 'the prompt holds no {} for the subject';
}

function readFlat(
  entry: Record<string, unknown>,
  index: number,
): { record: CounterFactRecord; note: string | null } | string {
  const byName = new Map(
    Object.entries(entry).map(([name, value]) => [
      name
        .trim()
        .toLowerCase()
        .replaceAll(/[\s-]+/g, '_'),
      value,
    ]),
  );
  const fields = Object.fromEntries(
    Object.entries(COLUMNS).map(([field, names]) => {
      const values = names.map((name) => byName.get(name)).filter((value) => value !== undefined && value !== '');
      return [field, values.at(0)];
    }),
  );
  const read = flatSchema.safeParse(fields);
  if (!read.success) return issueOf(read.error);
  const { caseId, subject, prompt, targetNew, targetTrue, paraphrases, neighbourTruth, relationId } = read.data;
  const template = prompt.includes('{}') ? prompt : prompt.replace(subject, '{}');
  if (!template.includes('{}')) return `the subject “${subject}” does not stand in the prompt, and neither does {}`;
  // CounterFact's neighbours are asked for the true object; others have an answer of their own.
  const sameTruth = neighbourTruth === undefined || neighbourTruth === targetTrue;
  const others = read.data.neighbours.length;
  return {
    record: {
      case_id: caseId ?? index,
      requested_rewrite: {
        prompt: template,
        subject,
        target_new: { str: targetNew },
        target_true: { str: targetTrue },
        ...(relationId === undefined ? {} : { relation_id: relationId }),
      },
      paraphrase_prompts: paraphrases,
      neighborhood_prompts: sameTruth ? read.data.neighbours : [],
    },
    note:
      sameTruth || others === 0
        ? null
        : `its locality prompt is left out: its answer is “${neighbourTruth}”, not the true object`,
  };
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  const path = issue.path.join('.');
  const name = FIELD_NAMES[path] ?? path;
  const missing = issue.code === 'invalid_type' || issue.code === 'invalid_union';
  return missing ? `${name} is missing or not text` : `${name}: ${issue.message}`;
}
