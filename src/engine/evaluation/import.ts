/**
 * Records from the files people have: CounterFact (full, multi_counterfact, the flattened form of a line each), zsRE, EasyEdit's requests,
 * and tables of subject, prompt or relation, and objects as CSV, TSV, JSON or JSONL. Nothing is dropped silently: what cannot be used is
 * told.
 */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { FactList } from '../tokens/fact-list.ts';
import { PLACEHOLDER, placeSubject } from '../tokens/template.ts';
import { mappingOf, TABLE_FIELDS, type ColumnMapping, type TableColumns } from './columns.ts';
import { type EvaluationRecord, recordSchema } from './records.ts';
import { rowsOf } from './rows.ts';
import { counted, isNothing, type ReadRecord, tidied } from './tidy.ts';

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

const text = z.string().trim().min(1);
/** A string, CounterFact's { str }, or a list of which the first counts. */
const object = z.preprocess(
  (value) => (Array.isArray(value) ? (value.find((item) => !isNothing(item)) as unknown) : value),
  z.union([z.string().min(1), z.object({ str: z.string().min(1) }).transform(({ str }) => str)]),
);
const optionalObject = z.preprocess((value) => (isNothing(value) ? undefined : value), object.optional());
/** One text or several; empty ones are told of and left out later. */
const texts = z.preprocess(
  (value) => (isNothing(value) ? [] : Array.isArray(value) ? value.map((item: unknown) => item ?? '') : [value]),
  z.array(z.string()),
);

/** A prompt with its answer, or several of both in step; answers may have other names for themselves after the first. */
const localitySchema = z.object({ prompt: texts, ground_truth: z.preprocess(listed, z.array(optionalObject)) });

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

const flatSchema = z.object({
  caseId: z.union([z.string(), z.number()]).optional().catch(undefined),
  subject: text,
  prompt: text.optional(),
  relation: z.preprocess((id) => (typeof id === 'number' ? String(id) : id), text.optional()),
  targetNew: object,
  targetTrue: optionalObject,
  paraphrases: texts,
  neighbours: texts,
  neighbourTruth: texts,
  /** EasyEdit's requests keep more neighbours here, by kind. */
  locality: z
    .record(
      z.string(),
      z.union([localitySchema.transform((one) => [one]), z.array(localitySchema), z.null().transform(() => [])]),
    )
    .transform((kinds) => Object.values(kinds).flat())
    .default([]),
});

/** zsRE's evaluation records, as MEND, ROME and MEMIT use them. */
const zsreSchema = z.object({
  subject: text,
  src: text,
  answers: z.array(text).min(1),
  rephrase: texts,
  loc: text.nullish(),
  loc_ans: text.nullish(),
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
  const records: EvaluationRecord[] = [];
  const faults: ImportFault[] = [];
  const notes: ImportFault[] = [];
  rowsOf(content).forEach((row, i) => {
    const record = i + 1;
    if ('fault' in row) {
      faults.push({ record, reason: row.fault });
      return;
    }
    if (row.note !== null) notes.push({ record, reason: row.note });
    for (const entry of rewritesOf(row.value)) {
      const read = readEntry(entry, i, options);
      if (typeof read === 'string') faults.push({ record, reason: read });
      else {
        records.push(read.record);
        for (const reason of read.notes) notes.push({ record, reason });
      }
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
  const first = rowsOf(content)
    .map((row) => ('value' in row ? row.value : null))
    .find((entry) => formOf(entry) === 'flat') as Record<string, unknown> | undefined;
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

/** A record of several rewrites (MQuAKE) is one for each; what it asks besides belongs to all of them together and goes with the first. */
function rewritesOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [value];
  const { requested_rewrite: rewrites, ...rest } = value as Record<string, unknown>;
  if (!Array.isArray(rewrites) || rewrites.length === 0) return [value];
  const [first, ...others] = rewrites as unknown[];
  const named = typeof rest.case_id === 'string' || typeof rest.case_id === 'number';
  return [
    { ...rest, requested_rewrite: first },
    ...others.map((rewrite, i) => ({
      ...(named && { case_id: `${rest.case_id as string | number}, rewrite ${i + 2}` }),
      requested_rewrite: rewrite,
    })),
  ];
}

/** multi_counterfact and hand-made lists may lack a number, paraphrases or neighbours. */
function readCounterFact(entry: object, index: number): ReadRecord | string {
  const given = withoutNulls(entry);
  const { requested_rewrite: rewrite } = given;
  const read = recordSchema.safeParse({
    case_id: index,
    paraphrase_prompts: [],
    neighborhood_prompts: [],
    ...given,
    ...(typeof rewrite === 'object' && rewrite !== null && { requested_rewrite: withoutNulls(rewrite) }),
  });
  if (!read.success) return issueOf(read.error);
  const { prompt } = read.data.requested_rewrite;
  if (!prompt.includes(PLACEHOLDER)) return `the prompt holds no ${PLACEHOLDER} for the subject`;
  return tidied(read.data);
}

function withoutNulls(entry: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null));
}

/** As the reference does (experiments/py/dsets/zsre.py): the first answer is the new object, and a “?” ends the question of locality. */
function readZsre(entry: object, index: number): ReadRecord | string {
  const read = zsreSchema.safeParse(entry);
  if (!read.success) return issueOf(read.error);
  const { subject, src, answers, rephrase, loc, loc_ans: locAnswer } = read.data;
  const found = placeSubject(src, subject);
  if (found === null) return `the subject “${subject}” does not stand in the question “${src}”`;
  const neighbours = loc && locAnswer ? [{ prompt: `${loc}?`, target: locAnswer }] : [];
  return tidied(
    {
      case_id: index,
      requested_rewrite: { prompt: found.template, subject, target_new: { str: answers[0] } },
      paraphrase_prompts: rephrase,
      neighborhood_prompts: neighbours,
    },
    [...noted(found.note), ...(neighbours.length === 0 ? ['it has no question of locality (loc, loc_ans)'] : [])],
  );
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
      return [field, isNothing(value) ? undefined : value];
    }),
  );
  const read = flatSchema.safeParse({ ...fields, locality: entry.locality ?? undefined });
  if (!read.success) return issueOf(read.error);
  const { caseId, subject, prompt, relation, targetNew, targetTrue, paraphrases } = read.data;
  const known = relation === undefined ? undefined : facts?.relation(relation);
  const wording = prompt ?? known?.templates[0] ?? relation;
  if (wording === undefined) return 'the prompt is missing or not text';
  const found = placeSubject(wording, subject);
  if (found === null) {
    return prompt === undefined
      ? `the relation “${wording}” is none of the model’s, and holds no ${PLACEHOLDER} for the subject`
      : `the subject “${subject}” does not stand in the prompt, and neither does ${PLACEHOLDER}`;
  }
  const relationId = known?.id ?? (prompt === undefined ? undefined : relation);
  const { neighbours, notes } = neighboursOf(read.data);
  return tidied(
    {
      case_id: caseId ?? index,
      requested_rewrite: {
        prompt: found.template,
        subject,
        target_new: { str: targetNew },
        ...(targetTrue === undefined ? {} : { target_true: { str: targetTrue } }),
        ...(relationId === undefined ? {} : { relation_id: relationId }),
      },
      paraphrase_prompts: paraphrases,
      neighborhood_prompts: neighbours,
    },
    [...noted(found.note), ...severalNote(fields.targetNew, targetNew), ...notes],
  );
}

function noted(note: string | null): string[] {
  return note === null ? [] : [note];
}

/** Of a list of objects the first is written, as by the reference. */
function severalNote(given: unknown, taken: string): string[] {
  const others = Array.isArray(given) ? new Set(given.filter((item) => !isNothing(item))).size - 1 : 0;
  return others > 0 ? [`of its ${others + 1} new objects the first is taken, “${taken}”`] : [];
}

/** CounterFact's neighbours are asked for the true object; others have answers of their own, one each or one for all. */
function neighboursOf({ neighbours, neighbourTruth, targetTrue, locality }: z.infer<typeof flatSchema>): {
  neighbours: EvaluationRecord['neighborhood_prompts'];
  notes: string[];
} {
  const found: EvaluationRecord['neighborhood_prompts'] = [];
  let unanswered = 0;
  const add = (prompt: string, target: string | undefined): void => {
    if (prompt.trim() === '' || target === undefined || target.trim() === '') unanswered += 1;
    else found.push(target === targetTrue ? prompt : { prompt, target });
  };
  neighbours.forEach((prompt, i) => {
    // Without answers of their own they are asked for the true object, if there is one.
    if (neighbourTruth.length === 0) found.push(prompt);
    else add(prompt, neighbourTruth[neighbourTruth.length === 1 ? 0 : i]);
  });
  for (const { prompt: prompts, ground_truth: answers } of locality)
    prompts.forEach((prompt, i) => add(prompt, answers[i]));
  return {
    neighbours: found,
    notes: unanswered === 0 ? [] : [`${counted(unanswered, 'neighbour')} left out: without an answer`],
  };
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  const path = issue.path.join('.');
  const name = FIELD_NAMES[path] ?? path;
  const missing = issue.code === 'invalid_type' || issue.code === 'invalid_union';
  return missing ? `${name} is missing or not text` : `${name}: ${issue.message}`;
}
