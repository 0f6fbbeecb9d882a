/** Regular expressions of tokenizers: Rust's and Oniguruma's notions of letters, digits and spaces, which differ from JavaScript's. */
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { messageOf } from '../text.ts';

/** `\w` of Rust's regex crate, inside brackets. */
const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;

export const STARTS_WITH_WORD = new RegExp(`^[${WORD}]`, 'u');
export const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, 'u');
/** Scripts that put no spaces between words, and Hangul, whose particles follow without one. */
const UNSPACED = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar', 'Tibetan']
  .map((script) => String.raw`\p{Script_Extensions=${script}}`)
  .join('');

export const STARTS_UNSPACED = new RegExp(`^[${UNSPACED}]`, 'u');
export const ENDS_UNSPACED = new RegExp(`[${UNSPACED}]$`, 'u');
export const WORDS_AND_SIGNS = new RegExp(String.raw`[${WORD}]+|[^${WORD}\p{White_Space}]+`, 'gu');

export const STRIPPED_START = /^\p{White_Space}+/u;
export const STRIPPED_END = /\p{White_Space}+$/u;

export const SPACE = /\p{White_Space}/gu;
/** Rust's `char::is_numeric`. */
export const NUMERAL = /\p{N}/gu;
export const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;

/** GPT-2's splitting: contractions, words, numbers and signs with the space before them, and spaces. */
export const GPT2_PIECES =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

export const patternSchema = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]);

export type Pattern = z.infer<typeof patternSchema>;

/** A pattern of tokenizer.json, to be found everywhere in a text. @throws ModelError when it cannot be said in JavaScript */
export function compilePattern(pattern: Pattern): RegExp {
  if ('String' in pattern) return new RegExp(pattern.String.replace(/[$()*+./?[\\\]^{|}-]/g, String.raw`\$&`), 'gu');
  try {
    // The library translates from Oniguruma.
    const { pattern: compiled } = new SplitPreTokenizer({
      type: 'Split',
      pattern,
      behavior: 'Isolated',
      invert: false,
    });
    if (compiled) return compiled;
  } catch (cause) {
    throw new ModelError(`tokenizer.json has the expression ${pattern.Regex}, which is not read: ${messageOf(cause)}`, {
      cause,
    });
  }
  throw new ModelError(`tokenizer.json has the expression ${pattern.Regex}, which is not read.`);
}
