/** Templates: texts with {} where a subject (or, in a context template, a whole prompt) goes. */

import { ENDS_WITH_WORD, STARTS_WITH_WORD } from './patterns.ts';

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

/**
 * `wording` with {} in place of `subject`: where it is first found as words of its own, else where it is first found ("Iran" in "The
 * Iranian name of Iran is" is the last but one word). The same text where the subject is not in it.
 */
export function templateOf(wording: string, subject: string): string {
  let at = wording.indexOf(subject);
  for (let place = at; place >= 0; place = wording.indexOf(subject, place + 1)) {
    if (isWhole(wording, place, place + subject.length)) {
      at = place;
      break;
    }
  }
  return at < 0 ? wording : wording.slice(0, at) + PLACEHOLDER + wording.slice(at + subject.length);
}

/** No word goes on beyond either end of the range. */
function isWhole(text: string, start: number, end: number): boolean {
  const part = text.slice(start, end);
  const before = ENDS_WITH_WORD.test(text.slice(0, start)) && STARTS_WITH_WORD.test(part);
  const after = ENDS_WITH_WORD.test(part) && STARTS_WITH_WORD.test(text.slice(end));
  return part !== '' && !before && !after;
}
