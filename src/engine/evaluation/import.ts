/**
 * Records from the files people have: CounterFact (full, multi_counterfact, the flattened form of a line each), zsRE, EasyEdit's requests,
 * and tables of subject, prompt or relation, and objects as CSV, TSV, JSON or JSONL. Nothing is dropped silently: what cannot be used is
 * told.
 */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { FactList } from '../tokens/fact-list.ts';
import { PLACEHOLDER, templateOf } from '../tokens/template.ts';
import { mappingOf, TABLE_FIELDS, type ColumnMapping, type TableColumns } from './columns.ts';
import { answerableNeighbours, type EvaluationRecord, recordSchema } from './records.ts';
import { rowsOf } from './rows.ts';

export interface ImportFault {
  /** Number of the record in the file, from 1. */
  readonly record: number;
  readonly reason: string;
}

export interface ImportedRecords {
  readonly records: EvaluationRecord[];
  /** Of what was left out. */
  readonly faults: ImportFault[];
  /** Of what was kept, but not whole. */
  readonly notes: ImportFault[];
}

export interface ImportOptions {
  /** Of the model that is open: a table may name its relations instead of prompts. */
  readonly facts?: FactList | null;
  /** Found by the names of the columns when absent. */
  readonly mapping?: ColumnMapping;
}

interface ReadRecord {
  readonly record: EvaluationRecord;
  readonly note: string | null;
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

/** A prompt with its answer, or several of both in step; answers may have other names for themselves after the first. */
const localitySchema = z
  .object({ prompt: texts, ground_truth: z.union([text.transform((one) => [one]), z.array(object)]) })
  .transform(({ prompt: prompts, ground_truth: answers }) =>
    prompts.flatMap((prompt, i) => (i < answers.length ? [{ prompt, target: answers[i] }] : [])),
  );

const flatSchema = z.object({
  caseId: z.union([z.string(), z.number()]).optional(),
  subject: text,
  prompt: text.optional(),
  relation: text.optional(),
  targetNew: object,
  targetTrue: object.optional(),
  paraphrases: texts.default([]),
  neighbours: texts.default([]),
  neighbourTruth: texts.optional(),
  /** EasyEdit's requests keep more neighbours here, by kind. */
  locality: z
    .record(z.string(), z.union([localitySchema, z.array(localitySchema).transform((lists) => lists.flat())]))
    .transform((kinds) => Object.values(kinds).flat())
    .default([]),
});

/** zsRE's evaluation records, as MEND, ROME and MEMIT use them. */
const zsreSchema = z.object({
  subject: text,
  src: text,
  answers: z.array(text).min(1),
  rephrase: texts.default([]),
  loc: text.optional(),
  loc_ans: text.optional(),
});

const FIELD_NAMES: Record<string, string> = {
  subject: 'the subject',
  targetNew: 'the new object',
  targetTrue: 'the true object',
  src: 'the question (src)',
};

/**
 * Reads a file's text. Tables need a header line; prompts hold {} or the subject itself.
 * @throws EngineError ('input') when it is none of the forms, or no record is usable
 */
export function importRecords(content: string, options: ImportOptions = {}): ImportedRecords {
  const entries = rowsOf(content);
  const records: EvaluationRecord[] = [];
  const faults: ImportFault[] = [];
  const notes: ImportFault[] = [];
  entries.forEach((entry, i) => {
    const record = i + 1;
    const read = readEntry(entry, i, options);
    if (typeof read === 'string') faults.push({ record, reason: read });
    else {
      records.push(read.record);
      if (read.note !== null) notes.push({ record, reason: read.note });
    }
  });
  if (records.length === 0) {
    const why = faults.length === 0 ? 'there is nothing in it' : `record 1: ${faults[0].reason}`;
    throw new EngineError('input', `No record can be used: ${why}.`, {
      next: 'Give CounterFact, zsRE or EasyEdit JSON, or a table with columns for subject, prompt and new object.',
    });
  }
  return { records, faults, notes };
}

/**
 * The columns of a table or of flat records, and what they are taken for; null where the form is one with names of its own.
 * @throws EngineError ('input') when it is none of the forms
 */
export function tableColumns(content: string): TableColumns | null {
  const first = rowsOf(content).find((entry) => formOf(entry) === 'flat') as Record<string, unknown> | undefined;
  if (!first) return null;
  const columns = Object.keys(first);
  const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return {
    columns,
    values: Object.fromEntries(columns.map((column) => [column, shown(first[column])])),
    mapping: mappingOf(first),
  };
}

type EntryForm = 'counterfact' | 'zsre' | 'flat';

/** What kind of record an entry is, or why it is none. */
function formOf(entry: unknown): EntryForm | { reason: string } {
  if (entry instanceof Error) return { reason: `this line is no JSON (${entry.message})` };
  if (typeof entry !== 'object' || entry === null) return { reason: 'this is no record' };
  if ('requested_rewrite' in entry) return 'counterfact';
  return 'src' in entry && 'answers' in entry ? 'zsre' : 'flat';
}

/** The record, or why it cannot be used. */
function readEntry(entry: unknown, index: number, options: ImportOptions): ReadRecord | string {
  const form = formOf(entry);
  if (form === 'counterfact') return readCounterFact(entry as object, index);
  if (form === 'zsre') return readZsre(entry as object, index);
  return form === 'flat' ? readFlat(entry as Record<string, unknown>, index, options) : form.reason;
}

/** multi_counterfact and hand-made lists may lack a number, paraphrases or neighbours. */
function readCounterFact(entry: object, index: number): ReadRecord | string {
  const read = recordSchema.safeParse({
    case_id: index,
    paraphrase_prompts: [],
    neighborhood_prompts: [],
    ...entry,
  });
  if (!read.success) return issueOf(read.error);
  const { prompt } = read.data.requested_rewrite;
  if (!prompt.includes(PLACEHOLDER)) return `the prompt holds no ${PLACEHOLDER} for the subject`;
  return withoutUnanswerable(read.data);
}

/** As the reference does (experiments/py/dsets/zsre.py): the first answer is the new object, and a “?” ends the question of locality. */
function readZsre(entry: object, index: number): ReadRecord | string {
  const read = zsreSchema.safeParse(entry);
  if (!read.success) return issueOf(read.error);
  const { subject, src, answers, rephrase, loc, loc_ans: locAnswer } = read.data;
  const template = templateIn(src, subject);
  if (template === null) return `the subject “${subject}” does not stand in the question “${src}”`;
  const asked = loc !== undefined && locAnswer !== undefined;
  return {
    record: {
      case_id: index,
      requested_rewrite: { prompt: template, subject, target_new: { str: answers[0] } },
      paraphrase_prompts: rephrase,
      neighborhood_prompts: asked ? [{ prompt: `${loc}?`, target: locAnswer }] : [],
    },
    note: asked ? null : 'it has no question of locality (loc, loc_ans)',
  };
}

function readFlat(
  entry: Record<string, unknown>,
  index: number,
  { mapping = mappingOf(entry), facts }: ImportOptions,
): ReadRecord | string {
  const fields = Object.fromEntries(
    TABLE_FIELDS.map((field) => {
      const column = mapping[field];
      const value = column === undefined ? undefined : entry[column];
      return [field, value === '' ? undefined : value];
    }),
  );
  const read = flatSchema.safeParse({ ...fields, locality: entry.locality });
  if (!read.success) return issueOf(read.error);
  const { caseId, subject, prompt, relation, targetNew, targetTrue, paraphrases } = read.data;
  const known = relation === undefined ? undefined : facts?.relation(relation);
  const wording = prompt ?? known?.templates[0] ?? relation;
  if (wording === undefined) return 'the prompt is missing or not text';
  const template = templateIn(wording, subject);
  if (template === null) {
    return prompt === undefined
      ? `the relation “${wording}” is none of the model’s, and holds no ${PLACEHOLDER} for the subject`
      : `the subject “${subject}” does not stand in the prompt, and neither does ${PLACEHOLDER}`;
  }
  const relationId = known?.id ?? (prompt === undefined ? undefined : relation);
  return withoutUnanswerable({
    case_id: caseId ?? index,
    requested_rewrite: {
      prompt: template,
      subject,
      target_new: { str: targetNew },
      ...(targetTrue === undefined ? {} : { target_true: { str: targetTrue } }),
      ...(relationId === undefined ? {} : { relation_id: relationId }),
    },
    paraphrase_prompts: paraphrases,
    neighborhood_prompts: neighboursOf(read.data),
  });
}

/** CounterFact's neighbours are asked for the true object; others have answers of their own, one each or one for all. */
function neighboursOf({
  neighbours,
  neighbourTruth = [],
  targetTrue,
  locality,
}: z.infer<typeof flatSchema>): EvaluationRecord['neighborhood_prompts'] {
  const listed = neighbours.map((prompt, i) => {
    const target = neighbourTruth.at(neighbourTruth.length === 1 ? 0 : i);
    return target === undefined || target === targetTrue ? prompt : { prompt, target };
  });
  return [...listed, ...locality];
}

/** Leaves out neighbours that have no answer. */
function withoutUnanswerable(record: EvaluationRecord): ReadRecord {
  const answered = answerableNeighbours(record);
  const lost = record.neighborhood_prompts.length - answered.length;
  return {
    record: lost === 0 ? record : { ...record, neighborhood_prompts: answered },
    note: lost === 0 ? null : `its neighbours are left out (${lost}): there is no true object to ask for`,
  };
}

/** The wording with {} for the subject, or null where neither stands in it. */
function templateIn(wording: string, subject: string): string | null {
  const template = wording.includes(PLACEHOLDER) ? wording : templateOf(wording, subject);
  return template.includes(PLACEHOLDER) ? template : null;
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  const path = issue.path.join('.');
  const name = FIELD_NAMES[path] ?? path;
  const missing = issue.code === 'invalid_type' || issue.code === 'invalid_union';
  return missing ? `${name} is missing or not text` : `${name}: ${issue.message}`;
}
