/** Templates: texts with {} where a subject (or, in a context template, a whole prompt) goes. */

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
