/** Where an edit is aimed within its prompt: the subject's last token is the one that is edited. Pure. */
import type { EditDraft, RowInspection } from '../../worker/api.ts';

export type Aim = Pick<EditDraft, 'subject' | 'relationId' | 'prompt'>;

/**
 * The edit of the same prompt with `token` for its look-up token: the subject reaches from where it begins to that token, or is that token
 * where it stands before. Null where no subject can end there: at what the tokenizer puts before the prompt, or within a letter.
 */
export function aimedAt({ fullPrompt, tokens }: RowInspection, token: number): Aim | null {
  if (fullPrompt === null) return null;
  const texts = tokens.map(({ text }) => text);
  const read = texts.join('');
  if (!read.endsWith(fullPrompt)) return null;
  // What the tokenizer puts before it is not part of the prompt.
  const before = read.length - fullPrompt.length;
  const startOf = (at: number): number => texts.slice(0, at).join('').length - before;
  const subjectStart = tokens.findIndex(({ role }) => role !== 'plain');
  const from = startOf(token < subjectStart ? token : subjectStart);
  const to = startOf(token + 1);
  if (from < 0) return null;
  const text = fullPrompt.slice(from, to);
  const subject = text.trim();
  if (subject === '' || fullPrompt.includes('{}')) return null;
  const begin = from + text.indexOf(subject);
  const prompt = `${fullPrompt.slice(0, begin)}{}${fullPrompt.slice(begin + subject.length)}`;
  return { subject, relationId: null, prompt };
}
