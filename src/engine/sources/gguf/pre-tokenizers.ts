/** The ways of splitting text before byte-pair merges, by the names that `tokenizer.ggml.pre` has for them. */

/** What tokenizer.json says of one. */
interface Splitting {
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  /** Words that are tokens are taken without merging. */
  readonly ignoreMerges: boolean;
  /** Where the metadata does not say whether prompts begin with the begin token. */
  readonly addsBegin: boolean;
}

const byteLevel = (useRegex: boolean): unknown => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const sequence = (...pretokenizers: unknown[]): unknown => ({ type: 'Sequence', pretokenizers });

const split = (regex: string): unknown =>
  sequence({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }, byteLevel(false));

const splitting = (pre_tokenizer: unknown, more: Partial<Splitting> = {}): Splitting => ({
  normalizer: null,
  pre_tokenizer,
  ignoreMerges: false,
  addsBegin: false,
  ...more,
});

const NFC = { type: 'NFC' };

/** GPT-2's own expression is ByteLevel's. */
const GPT_2 = splitting(byteLevel(true));
const GPT_NEOX = splitting(byteLevel(true), { normalizer: NFC });
/** As GPT-2, each digit alone. */
const STARCODER = splitting(sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)));

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const tail = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const cl100k = (digits: string): string =>
  String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${tail}`;
const LETTERS = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const cased = (contraction: string, digits: string): string =>
  String.raw`${LETTERS}*${LOWER}+${contraction}|${LETTERS}+${LOWER}*${contraction}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${tail}`;

const UP_TO_THREE = String.raw`\p{N}{1,3}`;
const ONE = String.raw`\p{N}`;

const LLAMA_3 = splitting(split(cl100k(UP_TO_THREE)), { ignoreMerges: true, addsBegin: true });
const QWEN_2 = splitting(split(cl100k(ONE)), { normalizer: NFC });

const SPLITTINGS: ReadonlyMap<string, Splitting> = new Map([
  ['gpt-2', GPT_2],
  ['phi-2', GPT_2],
  ['mpt', GPT_NEOX],
  ['olmo', GPT_NEOX],
  ['starcoder', STARCODER],
  ['refact', STARCODER],
  ['smollm', STARCODER],
  ['llama-bpe', LLAMA_3],
  ['llama3', LLAMA_3],
  ['llama-v3', LLAMA_3],
  ['smaug-bpe', LLAMA_3],
  ['dbrx', splitting(split(cl100k(UP_TO_THREE)))],
  ['qwen2', QWEN_2],
  ['deepseek-r1-qwen', splitting(split(cl100k(ONE)), { addsBegin: true })],
  ['gpt-4o', splitting(split(cased(`${contractions}?`, UP_TO_THREE)))],
  ['tekken', splitting(split(cased('', ONE)), { ignoreMerges: true, addsBegin: true })],
]);

export function splittingOf(pre: string): Splitting | undefined {
  return SPLITTINGS.get(pre);
}

export const SPLITTING_NAMES: readonly string[] = [...SPLITTINGS.keys()];
