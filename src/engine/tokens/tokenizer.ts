/** The model's tokenizer: text to token ids and back, and which characters of a text each token covers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { messageOf, parseJson } from '../text.ts';
import { AddedTokens, addedTokenSchema, type AddedToken } from './added-tokens.ts';
import { normalizerOf, type Normalize } from './normalizers.ts';
import { preTokenizerOf, type PreTokenize } from './pre-tokenizers.ts';
import { characterLength, fromUtf8, tokenBytes, utf8, withPlainSpaces, type TokenAlphabet } from './token-bytes.ts';

/** Half-open range of UTF-16 offsets into a text. */
export type CharacterSpan = readonly [start: number, end: number];

const modelSchema = z.looseObject({
  type: z.string().optional(),
  vocab: z.union([z.record(z.string(), z.int().nonnegative()), z.array(z.unknown())]),
  dropout: z.number().nullish(),
  byte_fallback: z.boolean().nullish(),
  continuing_subword_prefix: z.string().nullish(),
});
const tokenizerSchema = z.looseObject({
  model: modelSchema,
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  decoder: z.unknown(),
});
const specialTokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({
  bos_token: specialTokenSchema,
  eos_token: specialTokenSchema,
  /** Where it is set it counts, whatever tokenizer.json says (transformers: TokenizersBackend). */
  add_bos_token: z.boolean().nullish(),
  /** The same of byte-level splitting. */
  add_prefix_space: z.boolean().nullish(),
});

type TokenizerJson = z.infer<typeof tokenizerSchema>;
type TokenizerConfig = z.infer<typeof configSchema>;

/** What the library of the models says; where it trips over a form that it did not look for, that says nothing to a reader. */
function reasonOf(cause: unknown): string {
  if (cause instanceof TypeError || cause instanceof RangeError)
    return 'one of its parts has another form than tokenizers’ files have.';
  return messageOf(cause).replace(/\bundefined\b/, '(none)');
}

/** End-of-text tokens of the families that ship without a tokenizer_config.json. */
const USUAL_END_OF_TEXT = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>'];

export class ModelTokenizer {
  /** Stops a generated text; null where the vocabulary has no such token. */
  readonly endOfTextId: number | null;
  /** Highest token id + 1. The model's embedding may have more rows, as padding. */
  readonly vocabSize: number;
  /** What a text begins with when it is encoded with its special tokens; empty where the tokenizer puts none there. */
  readonly beginIds: readonly number[];
  readonly #tokenizer: Tokenizer;
  readonly #alphabet: TokenAlphabet;
  readonly #normalizer: Normalize;
  readonly #preTokenize: PreTokenize;
  /** Added tokens that are sought in the text as it is, and in the normalised text. */
  readonly #plainTokens: AddedTokens;
  readonly #normalizedTokens: AddedTokens;
  /** Token text by id. */
  readonly #tokens: ReadonlyMap<number, string>;
  /** Ids of tokens that are plain text, not pieces of the vocabulary's alphabet. */
  readonly #added: ReadonlySet<number>;
  /** Ids below it have a row in the model's embedding. */
  #rows = Infinity;

  private constructor(json: TokenizerJson, config: TokenizerConfig) {
    refuseModel(json.model);
    // The library has the model and what is put around a text; the way there is ours (normalizers.ts).
    const tokenizer = new Tokenizer({ ...json, normalizer: null, pre_tokenizer: null }, config);
    this.#tokenizer = tokenizer;
    this.#alphabet = alphabetOf(json.decoder);
    this.#normalizer = normalizerOf(json.normalizer);
    this.#preTokenize = preTokenizerOf(json.pre_tokenizer, config.add_prefix_space ?? undefined);
    const normalized = ({ normalized: own, special }: AddedToken): boolean => own ?? !special;
    this.#plainTokens = new AddedTokens(
      json.added_tokens.filter((token) => !normalized(token)),
      ({ content }) => content,
    );
    this.#normalizedTokens = new AddedTokens(json.added_tokens.filter(normalized), ({ content }) =>
      this.#normalizer(content),
    );
    this.#tokens = new Map([...tokenizer.get_vocab(true)].map(([token, id]) => [id, token]));
    this.#added = new Set(tokenizer.get_added_tokens_decoder().keys());
    const endOfText = contentOf(config.eos_token);
    const candidates = endOfText === null ? USUAL_END_OF_TEXT : [endOfText];
    this.endOfTextId = candidates.map((token) => tokenizer.token_to_id(token)).find((id) => id !== undefined) ?? null;
    this.vocabSize = 1 + [...this.#tokens.keys()].reduce((highest, id) => Math.max(highest, id), -1);
    this.beginIds = beginIdsOf(tokenizer, config);
  }

  /**
   * @param tokenizerJson text of tokenizer.json
   * @param tokenizerConfigJson text of tokenizer_config.json; `{}` where the model has none
   * @throws ModelError when a file is not JSON or not a tokenizer that can be read
   */
  static create(tokenizerJson: string, tokenizerConfigJson: string): ModelTokenizer {
    const json = parseFile('tokenizer.json', tokenizerJson, tokenizerSchema);
    const config = parseFile('tokenizer_config.json', tokenizerConfigJson, configSchema);
    try {
      return new ModelTokenizer(json, config);
    } catch (cause) {
      if (cause instanceof ModelError) throw cause;
      throw new ModelError(`tokenizer.json cannot be read: ${reasonOf(cause)}`, {
        cause,
        next: 'Use the tokenizer.json that belongs to the model.',
      });
    }
  }

  /**
   * Refuses from now on to encode what the model has no embedding for.
   * @param rows of the embedding
   * @throws ModelError when ordinary tokens or those that begin every text are among it: the tokenizer is another model's
   */
  limitTo(rows: number): void {
    this.#rows = rows;
    const needed = [...this.#tokens.keys()].find(
      (id) => id >= rows && (!this.#added.has(id) || this.beginIds.includes(id)),
    );
    if (needed !== undefined) throw this.#beyond(needed);
  }

  /** Added tokens that {@link limitTo} has put out of reach. */
  get unusableTokens(): readonly string[] {
    return [...this.#tokens].filter(([id]) => id >= this.#rows).map(([, token]) => token);
  }

  /**
   * Token ids of `text`.
   * @param special begins with {@link beginIds} (Llama has one, GPT-2 none). What a tokenizer puts after a text (an end token) is left
   * out: what is asked here goes on.
   * @throws ModelError when a piece of the text has no token, or a token no embedding
   */
  encode(text: string, { special }: { special: boolean }): number[] {
    const ids: number[] = special ? [...this.beginIds] : [];
    for (const section of this.#plainTokens.split(text, true)) {
      if ('id' in section) ids.push(section.id);
      else this.#encodeSection(section.text, section.first, ids);
    }
    const beyond = ids.find((id) => id >= this.#rows);
    if (beyond !== undefined) throw this.#beyond(beyond);
    return ids;
  }

  /**
   * Ids of `text` as it goes on after `context`: both are tokenised together, so that what a tokenizer puts before a text of its own (a
   * space, ▁) is not put into the middle. Where tokens reach across the seam, `text` is taken after a plain word.
   * @throws ModelError as {@link encode}
   */
  encodeAfter(context: string, text: string): number[] {
    return this.#suffix(context, text) ?? this.#suffix(PLAIN_WORD, text) ?? this.encode(text, { special: false });
  }

  /** The text that the tokens spell, to be put after earlier text: no space is trimmed, added tokens stay visible. */
  decode(ids: readonly number[]): string {
    return fromUtf8(concatenate(ids.map((id) => this.#bytes(id))));
  }

  /** One token as shown to people, e.g. " Rome"; bytes that are only part of a character appear as <0xE2>. */
  tokenText(id: number): string {
    const bytes = this.#bytes(id);
    let text = '';
    for (let offset = 0; offset < bytes.length;) {
      const length = characterLength(bytes, offset);
      text +=
        length > 0
          ? fromUtf8(bytes.subarray(offset, offset + length))
          : `<0x${bytes[offset].toString(16).toUpperCase().padStart(2, '0')}>`;
      offset += Math.max(1, length);
    }
    return text;
  }

  /**
   * The characters of `text` that each token of `encode(text, { special })` covers. A token that spells part of a
   * character covers the whole of it; a begin or end token that is not in the text covers nothing.
   * @throws ModelError when the tokens do not spell the text (an unknown token, a lossy normaliser)
   */
  spans(text: string, { special }: { special: boolean }): CharacterSpan[] {
    const ids = this.encode(text, { special });
    const characters = this.#byteBoundaries(text);
    const target = utf8(this.#normalize(text));
    const pieces = ids.map((id) => ({ bytes: this.#bytes(id), added: this.#added.has(id) }));
    // Some tokenizers put a space before the first word; it covers no character.
    const spelled = alignPieces(pieces, target, 0) ?? alignPieces(pieces, target, 1);
    if (!spelled) throw new ModelError(`The tokens of “${text}” do not spell it, so its subject cannot be located.`);
    return spelled.map(([start, end]) => {
      if (start === end) return [characters.starts[start], characters.starts[start]];
      return [characters.starts[start], characters.ends[end - 1]];
    });
  }

  #bytes(id: number): Uint8Array {
    const token = this.#tokens.get(id);
    if (token === undefined) return new Uint8Array();
    return this.#added.has(id) ? utf8(token) : tokenBytes(token, this.#alphabet);
  }

  #beyond(id: number): ModelError {
    const token = `“${this.#tokens.get(id) ?? ''}” (${id})`;
    return new ModelError(`The tokenizer has the token ${token}, and the model's embedding only ${this.#rows} rows.`, {
      next: 'Use the tokenizer.json that belongs to the model, or a text without this token.',
    });
  }

  #encodeSection(text: string, first: boolean, ids: number[]): void {
    for (const section of this.#normalizedTokens.split(this.#normalizer(text), first)) {
      if ('id' in section) ids.push(section.id);
      else for (const piece of this.#preTokenize(section)) this.#encodePiece(piece.text, ids);
    }
  }

  #encodePiece(piece: string, ids: number[]): void {
    const model = this.#tokenizer.model!;
    for (const token of model([piece])) {
      // A vocabulary without an unknown token has no id for what it does not know.
      const id = model.tokens_to_ids.get(token) ?? model.unk_token_id;
      if (typeof id !== 'number') throw new ModelError(`The model's vocabulary has no token for “${token}”.`);
      ids.push(id);
    }
  }

  /** Null where the tokens of `context` are not the first ones of both together. */
  #suffix(context: string, text: string): number[] | null {
    const before = this.encode(context, { special: false });
    const joint = this.encode(context + text, { special: false });
    return before.every((id, i) => id === joint[i]) ? joint.slice(before.length) : null;
  }

  #normalize(text: string): string {
    return withPlainSpaces(this.#normalizer(text));
  }

  /** For each byte of the normalised text: the character of `text` where it starts, and where that character ends. */
  #byteBoundaries(text: string): { starts: number[]; ends: number[] } {
    const whole = this.#normalize(text);
    const starts: number[] = [];
    const ends: number[] = [];
    let start = 0;
    let end = 0;
    for (const character of text) {
      end += character.length;
      const prefix = whole === text ? text.slice(0, end) : this.#normalize(text.slice(0, end));
      // Characters that melt together when normalised (e + ̈) count as one: their prefix is none of the whole.
      if (!whole.startsWith(prefix)) continue;
      const bytes = utf8(prefix).length;
      while (starts.length < bytes) {
        starts.push(start);
        ends.push(end);
      }
      start = end;
    }
    starts.push(text.length);
    return { starts, ends };
  }
}

/** Byte ranges of the pieces in `target`, or null when they do not spell it; `extra` bytes are allowed before the text. */
function alignPieces(
  pieces: readonly { readonly bytes: Uint8Array; readonly added: boolean }[],
  target: Uint8Array,
  extra: number,
): CharacterSpan[] | null {
  const spans: CharacterSpan[] = [];
  let position = -extra;
  for (const { bytes, added } of pieces) {
    const matches = bytes.every((byte, i) => position + i < 0 || byte === target[position + i]);
    if (!matches && !added) return null;
    const end = matches ? position + bytes.length : position;
    spans.push([Math.max(0, position), Math.max(0, end)]);
    position = end;
  }
  return position === target.length ? spans : null;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Stands for what comes before a text; it has tokens in every vocabulary. */
const PLAIN_WORD = 'a';

/** Stands for a text in the tokenizer's template; no vocabulary has such a token. */
const TEXT_MARK = '\0text';

/** @throws ModelError naming what the library would do in another way than the model's own tokenizer */
function refuseModel(model: TokenizerJson['model']): void {
  const refuse = (what: string): never => {
    throw new ModelError(`tokenizer.json has a vocabulary ${what}, which is not read.`);
  };
  const { type = 'BPE' } = model;
  if (!['BPE', 'Unigram', 'WordPiece'].includes(type)) refuse(`of the type ${type}`);
  if (type === 'BPE' && (model.dropout ?? 0) > 0) refuse('whose merges are drawn at random (dropout)');
  if (type === 'BPE' && (model.continuing_subword_prefix ?? '') !== '') refuse('with a continuing_subword_prefix');
  if (type === 'Unigram' && model.byte_fallback === true) refuse('of the type Unigram with byte_fallback');
}

/** The ids that the tokenizer puts before a text. */
function beginIdsOf(tokenizer: Tokenizer, { add_bos_token: addsBegin, bos_token }: TokenizerConfig): number[] {
  const begin = contentOf(bos_token);
  if (addsBegin === false) return [];
  if (addsBegin === true && begin !== null) return idsOf(tokenizer, [begin]);
  // Called by itself: an optional call may be compiled to `.call`, which the library's callable objects lack.
  const { post_processor: finish } = tokenizer;
  const { tokens } = finish ? finish([TEXT_MARK], null, true) : { tokens: [TEXT_MARK] };
  return idsOf(tokenizer, tokens.slice(0, tokens.indexOf(TEXT_MARK)));
}

function idsOf(tokenizer: Tokenizer, tokens: readonly string[]): number[] {
  return tokens.map((token) => {
    const id = tokenizer.token_to_id(token);
    if (id !== undefined) return id;
    throw new ModelError(`tokenizer.json puts “${token}” before a text, and has no such token.`);
  });
}

function contentOf(token: TokenizerConfig['eos_token']): string | null {
  return (typeof token === 'object' ? token?.content : token) ?? null;
}

/** Byte-level vocabularies are recognised by their decoder, alone or within a sequence. */
function alphabetOf(decoder: unknown): TokenAlphabet {
  return JSON.stringify(decoder ?? null).includes('"type":"ByteLevel"') ? 'byte-level' : 'sentencepiece';
}

function parseFile<T>(name: string, text: string, schema: z.ZodType<T>): T {
  const json = parseJson(text, (reason, cause) => new ModelError(`${name} is not valid JSON: ${reason}`, { cause }));
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelError(`${name} is not a tokenizer file: ${issue.path.join('.') || 'the file'}: ${issue.message}.`);
  }
  return parsed.data;
}
