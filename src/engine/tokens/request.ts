/** An edit request (reference: memit_main.py): the fact to write, its file form, and every reason to refuse it. */
import { z } from 'zod';
import { RequestError } from '../errors.ts';
import { parseJson } from '../text.ts';
import { locateSubject } from './lookup.ts';
import { fillPrompt, PLACEHOLDER, placeholderCount, placeSubject } from './template.ts';
import type { ModelTokenizer } from './tokenizer.ts';

export { fillPrompt } from './template.ts';

export interface EditRequest {
  /** Name of the record in the file it came from. */
  readonly caseId?: number | string;
  /** Holds exactly one {} for the subject, e.g. "{} plays the sport of". */
  readonly prompt: string;
  readonly subject: string;
  /** The object to write. */
  readonly targetNew: string;
  /** The object the model is thought to hold now. */
  readonly targetTrue?: string;
  /** Relation of the model's fact list that the prompt belongs to. */
  readonly relationId?: string;
}

/** Of a relation: some number theirs; what is neither text nor a number is of no use, and no reason to refuse the record. */
export const relationIdSchema = z.preprocess(
  (id) => (typeof id === 'number' ? String(id) : id),
  z.string().optional().catch(undefined),
);

const targetSchema = z.looseObject({ str: z.string() });
const recordSchema = z.looseObject({
  case_id: z.union([z.number(), z.string()]).optional(),
  prompt: z.string(),
  subject: z.string(),
  target_new: targetSchema,
  target_true: targetSchema.nullish(),
  relation_id: relationIdSchema,
});

export interface ParsedRequests {
  readonly requests: EditRequest[];
  /** What of them is taken otherwise than it stands, in words. */
  readonly notes: string[];
}

/**
 * Reads requests in the reference implementation's form:
 * `[{"case_id", "prompt", "subject", "target_new": {"str"}, "target_true": {"str"}?, "relation_id"?}]`.
 * The contents are checked by {@link validateRequest}.
 * @throws RequestError naming the record and the field at fault
 */
export function parseRequests(json: string): ParsedRequests {
  const records = parseJson(
    json,
    (reason, cause) => new RequestError('request', `The requests are not valid JSON: ${reason}`, { cause }),
  );
  if (!Array.isArray(records)) throw new RequestError('request', 'The requests must be a JSON list of records.');
  if (records.length === 0) throw new RequestError('request', 'The list of requests is empty.');
  const notes: string[] = [];
  const requests = records.map((record, i) => parseRecord(record, i, notes));
  return { requests, notes };
}

function parseRecord(record: unknown, index: number, notes: string[]): EditRequest {
  const parsed = recordSchema.safeParse(record);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue.path.join('.');
    const what = path === '' ? issue.message : `${path}: ${issue.message}`;
    throw new RequestError(fieldOf(issue.path[0]), `${recordName(record, index)}: ${what}.`);
  }
  const { case_id: caseId, prompt: given, subject, target_new, target_true, relation_id } = parsed.data;
  // Texts go on with a space and a word: the space that ends an object or a prompt would be a token of its own.
  const targetNew = target_new.str.trimEnd();
  if (targetNew !== target_new.str) {
    notes.push(`${recordName(record, index)}: the object “${target_new.str}” is taken without the space at its end.`);
  }
  const prompt = given.trimEnd();
  if (prompt !== given) {
    notes.push(`${recordName(record, index)}: the prompt “${given}” is taken without the space at its end.`);
  }
  return {
    ...(caseId === undefined ? {} : { caseId }),
    prompt,
    subject,
    targetNew,
    ...(target_true ? { targetTrue: target_true.str.trim() } : {}),
    ...(relation_id ? { relationId: relation_id } : {}),
  };
}

function recordName(record: unknown, index: number): string {
  const caseId = z.looseObject({ case_id: z.union([z.number(), z.string()]) }).safeParse(record);
  return caseId.success ? `Record ${index + 1} (case ${caseId.data.case_id})` : `Record ${index + 1}`;
}

function fieldOf(key: PropertyKey | undefined): RequestError['field'] {
  if (key === 'prompt' || key === 'subject') return key;
  return key === 'target_new' || key === 'target_true' ? 'object' : 'request';
}

/** An object as it follows its prompt: with a leading space, added where it has none. */
export function answerText(object: string): string {
  return object.startsWith(' ') ? object : ` ${object}`;
}

/** The new object as it follows the prompt. */
export function targetText(request: EditRequest): string {
  return answerText(request.targetNew);
}

/**
 * Refuses what cannot be edited.
 * @param contextLength tokens the model reads at most
 * @throws RequestError saying which field is at fault and why
 */
export function validateRequest(request: EditRequest, tokenizer: ModelTokenizer, contextLength: number): void {
  const { prompt, subject, targetNew } = request;
  if (subject.trim() === '') throw new RequestError('subject', 'The subject is empty.');
  const places = placeholderCount(prompt);
  if (places === 0) {
    if (placeSubject(prompt, subject.trim()) === null) {
      throw new RequestError('subject', `The subject “${subject}” is not found in the prompt “${prompt}”.`, {
        next: `Write ${PLACEHOLDER} in the prompt where the subject goes.`,
      });
    }
    throw new RequestError('prompt', `The prompt has no ${PLACEHOLDER}: write it in place of “${subject.trim()}”.`);
  }
  if (places > 1) {
    throw new RequestError(
      'prompt',
      `The prompt has ${places} ${PLACEHOLDER}; exactly one is wanted, for the subject.`,
    );
  }
  if (targetNew.trim() === '') throw new RequestError('object', 'The new object is empty.');
  const { ids } = locateSubject(tokenizer, prompt, subject);
  // The object's last token is only predicted, never read.
  const targetIds = tokenizer.encodeAfter(fillPrompt(prompt, subject), targetText(request));
  const length = ids.length + targetIds.length - 1;
  if (length > contextLength) {
    throw new RequestError(
      'prompt',
      `“${fillPrompt(prompt, subject)}” with its object takes ${length} tokens; the model reads ${contextLength}.`,
      { next: 'Use a shorter prompt.' },
    );
  }
}
