/** Templates: texts with {} where a subject (or, in a context template, a whole prompt) goes. */

import { ENDS_UNSPACED, ENDS_WITH_WORD, STARTS_UNSPACED, STARTS_WITH_WORD } from './patterns.ts';

export const PLACEHOLDER = '{}';

/** How many {} `template` has. */
export function placeholderCount(template: string): number {
  return template.split(PLACEHOLDER).length - 1;
}

/** The text before and after the first {}; `before` is the whole template when there is none. */
export function splitTemplate(template: string): { before: string; after: string } {
  const [before, ...rest] = template.split(PLACEHOLDER);
  return { before, after: rest.join(PLACEHOLDER) };
}

/** `template` with `text` in place of its first {}. */
export function fillPrompt(template: string, text: string): string {
  const { before, after } = splitTemplate(template);
  return before + text + after;
}

/** Where a subject was found in a wording that has no {}. */
export interface PlacedSubject {
  /** The wording with {} in the subject's place. */
  readonly template: string;
  /** What of it the user should know; null where the subject stands there letter by letter, as words of its own. */
  readonly note: string | null;
}

/**
 * Puts {} in place of `subject`: where it first stands as words of its own, else where it first stands ("Iran" in "The Iranian name of
 * Iran is" is the last but one word). Accents may be letters of their own in one of the two texts (NFC, NFD). A wording that holds {} is
 * taken as it is.
 * @returns null where neither is in it
 */
export function placeSubject(wording: string, subject: string): PlacedSubject | null {
  if (wording.includes(PLACEHOLDER)) return { template: wording, note: null };
  const found = place(wording, subject);
  if (found !== null) return { template: found.template, note: found.whole ? null : INSIDE_A_WORD };
  const composed = place(wording.normalize('NFC'), subject.normalize('NFC'));
  return composed && { template: composed.template, note: TWO_FORMS };
}

const INSIDE_A_WORD = 'the subject is found inside another word of the prompt only; write {} where it is meant';
const TWO_FORMS = 'its accents are written in two ways (NFC, NFD): the prompt is taken in the first';

function place(wording: string, subject: string): { template: string; whole: boolean } | null {
  if (subject === '') return null;
  const first = wording.indexOf(subject);
  if (first < 0) return null;
  let at = first;
  while (at >= 0 && !isWhole(wording, at, at + subject.length)) at = wording.indexOf(subject, at + 1);
  const start = at < 0 ? first : at;
  return {
    template: wording.slice(0, start) + PLACEHOLDER + wording.slice(start + subject.length),
    whole: at >= 0,
  };
}

/** No word goes on beyond either end of the range. */
function isWhole(text: string, start: number, end: number): boolean {
  const part = text.slice(start, end);
  // A character is two units at most.
  const goesOn = (left: string, right: string): boolean =>
    ENDS_WITH_WORD.test(left) &&
    STARTS_WITH_WORD.test(right) &&
    !ENDS_UNSPACED.test(left) &&
    !STARTS_UNSPACED.test(right);
  return !goesOn(text.slice(Math.max(0, start - 2), start), part) && !goesOn(part, text.slice(end, end + 2));
}
