/**
 * How a tokenizer splits a text into the pieces that its model sees, by the forms of tokenizer.json (huggingface/tokenizers,
 * src/pre_tokenizers). Corrects the library's, as normalizers.ts does.
 */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import {
  compilePattern,
  GPT2_PIECES,
  NUMERAL,
  patternSchema,
  PUNCTUATION,
  SPACE,
  WORDS_AND_SIGNS,
} from './patterns.ts';
import { byteLevelText, utf8 } from './token-bytes.ts';

export interface Piece {
  readonly text: string;
  /** It begins where the whole text begins. */
  readonly first: boolean;
}

export type PreTokenize = (piece: Piece) => readonly Piece[];

const behaviorSchema = z.enum(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']);

type Behavior = z.infer<typeof behaviorSchema>;

const formSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Sequence'), pretokenizers: z.array(z.unknown()) }),
  z.object({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.boolean().default(true),
    use_regex: z.boolean().default(true),
  }),
  z.object({
    type: z.literal('Metaspace'),
    replacement: z.string().default('▁'),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
    /** In older files, in place of the scheme. */
    add_prefix_space: z.boolean().default(true),
    split: z.boolean().default(true),
  }),
  z.object({
    type: z.literal('Split'),
    pattern: patternSchema,
    behavior: behaviorSchema,
    invert: z.boolean().default(false),
  }),
  z.object({ type: z.literal('Punctuation'), behavior: behaviorSchema.default('Isolated') }),
  z.object({ type: z.literal('Digits'), individual_digits: z.boolean().default(false) }),
  z.object({ type: z.literal('Whitespace') }),
  z.object({ type: z.literal('WhitespaceSplit') }),
  z.object({ type: z.literal('BertPreTokenizer') }),
  z.object({ type: z.literal('CharDelimiterSplit'), delimiter: z.string() }),
  z.object({ type: z.literal('FixedLength'), length: z.int().positive().default(5) }),
]);

type Form = z.infer<typeof formSchema>;

/**
 * @param prefixSpace overrides what byte-level forms say of a space before the text (tokenizer_config.json)
 * @throws ModelError naming a form that is not read
 */
export function preTokenizerOf(json: unknown, prefixSpace?: boolean): PreTokenize {
  if (json === null || json === undefined) return (piece) => [piece];
  const parsed = formSchema.safeParse(json);
  if (!parsed.success) {
    throw new ModelError(`tokenizer.json has the pre-tokenizer ${JSON.stringify(json)}, which is not read.`);
  }
  const form = parsed.data;
  if (form.type === 'Sequence') {
    return inTurn(form.pretokenizers.map((each) => preTokenizerOf(each, prefixSpace)));
  }
  if (form.type === 'ByteLevel' && prefixSpace !== undefined) {
    return ofForm({ ...form, add_prefix_space: prefixSpace });
  }
  return ofForm(form);
}

function inTurn(steps: readonly PreTokenize[]): PreTokenize {
  return (piece) => steps.reduce<readonly Piece[]>((pieces, step) => pieces.flatMap(step), [piece]);
}

function ofForm(form: Exclude<Form, { type: 'Sequence' }>): PreTokenize {
  switch (form.type) {
    case 'ByteLevel': {
      const pieces: PreTokenize = form.use_regex ? splitBy(GPT2_PIECES, 'Isolated') : (piece) => [piece];
      return ({ text, first }) => {
        const begun = form.add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text;
        return pieces({ text: begun, first }).map((piece) => ({ ...piece, text: byteLevelText(utf8(piece.text)) }));
      };
    }
    case 'Metaspace':
      return metaspace(
        form.replacement,
        form.prepend_scheme ?? (form.add_prefix_space ? 'always' : 'never'),
        form.split,
      );
    case 'Split':
      return splitBy(compilePattern(form.pattern), form.behavior, form.invert);
    case 'Punctuation':
      return splitBy(PUNCTUATION, form.behavior);
    case 'Digits':
      return splitBy(NUMERAL, form.individual_digits ? 'Isolated' : 'Contiguous');
    case 'Whitespace':
      return splitBy(WORDS_AND_SIGNS, 'Removed', true);
    case 'WhitespaceSplit':
      return splitBy(SPACE, 'Removed');
    case 'BertPreTokenizer':
      return inTurn([splitBy(SPACE, 'Removed'), splitBy(PUNCTUATION, 'Isolated')]);
    case 'CharDelimiterSplit':
      return splitBy(compilePattern({ String: form.delimiter }), 'Removed');
    case 'FixedLength':
      return splitBy(new RegExp(`[^]{1,${form.length}}`, 'gu'), 'Isolated');
  }
}

function metaspace(replacement: string, scheme: 'always' | 'first' | 'never', split: boolean): PreTokenize {
  const pieces: PreTokenize = split
    ? splitBy(compilePattern({ String: replacement }), 'MergedWithNext')
    : (piece) => [piece];
  return ({ text, first }) => {
    const replaced = text.replaceAll(' ', replacement);
    const prepends = scheme === 'always' || (scheme === 'first' && first);
    return pieces({
      text: prepends && !replaced.startsWith(replacement) ? replacement + replaced : replaced,
      first,
    });
  };
}

/** Splits where `pattern` is found (or, inverted, between), and does with what is found as `behavior` says. */
function splitBy(pattern: RegExp, behavior: Behavior, invert = false): PreTokenize {
  return ({ text, first }) => {
    const parts: { start: number; end: number; found: boolean }[] = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > end) parts.push({ start: end, end: match.index, found: invert });
      end = match.index + match[0].length;
      parts.push({ start: match.index, end, found: !invert });
    }
    if (end < text.length) parts.push({ start: end, end: text.length, found: invert });
    return joined(parts, behavior)
      .filter((part) => part.end > part.start)
      .map((part) => ({ text: text.slice(part.start, part.end), first: first && part.start === 0 }));
  };
}

interface Part {
  readonly start: number;
  readonly end: number;
  readonly found: boolean;
}

function joined(parts: readonly Part[], behavior: Behavior): readonly Part[] {
  switch (behavior) {
    case 'Removed':
      return parts.filter(({ found }) => !found);
    case 'Isolated':
      return parts;
    case 'Contiguous':
      return join(parts, (before, part) => before.found === part.found);
    case 'MergedWithPrevious':
      return join(parts, (before, part) => !before.found && part.found);
    case 'MergedWithNext':
      return join(parts, (before, part) => before.found && !part.found);
  }
}

/** Parts joined where `joins` says so of two neighbours. */
function join(parts: readonly Part[], joins: (before: Part, part: Part) => boolean): Part[] {
  const result: Part[] = [];
  parts.forEach((part, i) => {
    const last = result.at(-1);
    if (last && joins(parts[i - 1], part)) result[result.length - 1] = { ...last, end: part.end };
    else result.push(part);
  });
  return result;
}
