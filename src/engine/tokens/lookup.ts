/** Where the model looks a fact up: the last token of the subject (Meng et al. 2022, section 3.1; reference: rome/repr_tools.py). */
import { RequestError } from '../errors.ts';
import { fillPrompt, placeholderCount, splitTemplate } from './template.ts';
import type { ModelTokenizer } from './tokenizer.ts';

export interface LocatedSubject {
  /** Tokens of the whole sentence, with the begin token where the tokenizer adds one. */
  readonly ids: number[];
  /** Index in `ids` of the subject's last token. */
  readonly lookupIndex: number;
  /** Half-open range in `ids` of the subject's tokens. */
  readonly subjectRange: readonly [start: number, end: number];
  /** How it was found: from the lengths of the parts, as the reference does, or by the characters each token covers. */
  readonly method: 'parts' | 'span';
}

/**
 * Finds the subject's tokens in `template` with `subject` in place of {}.
 * @throws RequestError when the template has not exactly one {}, or no token covers the subject
 */
export function locateSubject(tokenizer: ModelTokenizer, template: string, subject: string): LocatedSubject {
  if (placeholderCount(template) !== 1) {
    throw new RequestError('prompt', `“${template}” must hold exactly one {} for the subject.`);
  }
  const ids = tokenizer.encode(fillPrompt(template, subject), { special: true });
  return locateByParts(tokenizer, ids, template, subject) ?? locateBySpan(tokenizer, ids, template, subject);
}

/**
 * The same in a context: `context` (e.g. "The man. {}") is filled with the template first, then with the subject.
 * @throws RequestError as {@link locateSubject}
 */
export function locateInContext(
  tokenizer: ModelTokenizer,
  context: string,
  template: string,
  subject: string,
): LocatedSubject {
  return locateSubject(tokenizer, fillPrompt(context, template), subject);
}

/** The reference's way; null when the tokens of the parts, put together, are not the tokens of the sentence. */
function locateByParts(
  tokenizer: ModelTokenizer,
  ids: number[],
  template: string,
  subject: string,
): LocatedSubject | null {
  const { before, after } = splitTemplate(template);
  if (before !== '' && !before.endsWith(' ')) return null;
  const encode = (text: string) => tokenizer.encode(text, { special: false });
  const prefixIds = encode(before.slice(0, -1));
  const subjectIds = encode(before === '' ? subject : ` ${subject.trim()}`);
  const parts = [...prefixIds, ...subjectIds, ...encode(after)];
  if (subjectIds.length === 0 || parts.length !== ids.length || parts.some((id, i) => id !== ids[i])) return null;
  const end = prefixIds.length + subjectIds.length;
  return { ids, lookupIndex: end - 1, subjectRange: [prefixIds.length, end], method: 'parts' };
}

function locateBySpan(tokenizer: ModelTokenizer, ids: number[], template: string, subject: string): LocatedSubject {
  const sentence = fillPrompt(template, subject);
  const first = splitTemplate(template).before.length + (subject.length - subject.trimStart().length);
  const end = first + subject.trim().length;
  const covers = tokenizer.spans(sentence, { special: true }).map(([from, to]) => from < end && to > first);
  const start = covers.indexOf(true);
  if (start < 0) throw new RequestError('subject', `The subject “${subject}” is not found in “${sentence}”.`);
  const lookupIndex = covers.lastIndexOf(true);
  return { ids, lookupIndex, subjectRange: [start, lookupIndex + 1], method: 'span' };
}
