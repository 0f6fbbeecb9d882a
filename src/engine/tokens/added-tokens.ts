/**
 * Tokens that are found in the text as it is, before and besides the model's own (huggingface/tokenizers, added_vocabulary.rs). Those
 * marked `normalized` are sought in the normalised text, after the others have been cut out.
 */
import { z } from 'zod';
import { ENDS_WITH_WORD, STARTS_WITH_WORD, STRIPPED_END, STRIPPED_START } from './patterns.ts';

export const addedTokenSchema = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  special: z.boolean().default(false),
  normalized: z.boolean().optional(),
});

export type AddedToken = z.infer<typeof addedTokenSchema>;

/** A stretch of text, or a token in place of one. */
export type Section = { readonly text: string; readonly first: boolean } | { readonly id: number };

export class AddedTokens {
  /** By first character; the longest first. */
  readonly #byFirst = new Map<string, { content: string; token: AddedToken }[]>();

  /** @param contents what is sought for each token, which is not the token's own text where that is normalised */
  constructor(tokens: readonly AddedToken[], contents: (token: AddedToken) => string) {
    for (const token of tokens) {
      const content = contents(token);
      if (content === '') continue;
      const group = this.#byFirst.get(content[0]) ?? [];
      group.push({ content, token });
      this.#byFirst.set(content[0], group);
    }
    for (const group of this.#byFirst.values()) group.sort((a, b) => b.content.length - a.content.length);
  }

  /** Cuts the tokens out: from left to right, at each place the longest. */
  split(text: string, first: boolean): Section[] {
    const sections: Section[] = [];
    let done = 0;
    const take = (end: number): void => {
      if (end > done) sections.push({ text: text.slice(done, end), first: first && done === 0 });
    };
    for (let at = 0; at < text.length; at += 1) {
      const found = this.#byFirst.get(text[at])?.find(({ content }) => text.startsWith(content, at));
      if (!found) continue;
      const { token, content } = found;
      const end = at + content.length;
      if (!token.single_word || isWord(text, at, end)) {
        const start = token.lstrip ? Math.max(done, at - spacesBefore(text, at)) : at;
        take(start);
        const stop = token.rstrip ? end + spacesAfter(text, end) : end;
        // Spaces that the token before has taken make no token of their own.
        if (stop > start) sections.push({ id: token.id });
        done = stop;
      }
      at = end - 1;
    }
    take(text.length);
    return sections;
  }
}

/** Neither side continues with a letter or digit. */
function isWord(text: string, start: number, end: number): boolean {
  return !ENDS_WITH_WORD.test(text.slice(0, start)) && !STARTS_WITH_WORD.test(text.slice(end));
}

function spacesBefore(text: string, end: number): number {
  return STRIPPED_END.exec(text.slice(0, end))?.[0].length ?? 0;
}

function spacesAfter(text: string, start: number): number {
  return STRIPPED_START.exec(text.slice(start))?.[0].length ?? 0;
}
