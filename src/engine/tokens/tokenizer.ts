/** The model's tokenizer: text to token ids and back, and which characters of a text each token covers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { messageOf, parseJson } from '../text.ts';
import { characterLength, fromUtf8, tokenBytes, utf8, withPlainSpaces, type TokenAlphabet } from './token-bytes.ts';

/** Half-open range of UTF-16 offsets into a text. */
export type CharacterSpan = readonly [start: number, end: number];

const addedTokenSchema = z.looseObject({ id: z.int().nonnegative(), content: z.string().min(1) });
const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab: z.union([z.record(z.string(), z.number()), z.array(z.unknown())]) }),
  added_tokens: z.array(addedTokenSchema).default([]),
  decoder: z.unknown(),
});
const specialTokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({ eos_token: specialTokenSchema });

/** End-of-text tokens of the families that ship without a tokenizer_config.json. */
const USUAL_END_OF_TEXT = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>'];

export class ModelTokenizer {
  /** Stops a generated text; null where the vocabulary has no such token. */
  readonly endOfTextId: number | null;
  /** Highest token id + 1. The model's embedding may have more rows, as padding. */
  readonly vocabSize: number;
  readonly #tokenizer: Tokenizer;
  readonly #alphabet: TokenAlphabet;
  /** Token text by id. */
  readonly #tokens: ReadonlyMap<number, string>;
  /** Ids of tokens that are plain text, not pieces of the vocabulary's alphabet. */
  readonly #added: ReadonlySet<number>;

  private constructor(tokenizer: Tokenizer, alphabet: TokenAlphabet, endOfText: string | null) {
    this.#tokenizer = tokenizer;
    this.#alphabet = alphabet;
    this.#tokens = new Map([...tokenizer.get_vocab(true)].map(([token, id]) => [id, token]));
    this.#added = new Set(tokenizer.get_added_tokens_decoder().keys());
    const candidates = endOfText === null ? USUAL_END_OF_TEXT : [endOfText];
    this.endOfTextId = candidates.map((token) => tokenizer.token_to_id(token)).find((id) => id !== undefined) ?? null;
    this.vocabSize = 1 + [...this.#tokens.keys()].reduce((highest, id) => Math.max(highest, id), -1);
  }

  /**
   * @param tokenizerJson text of tokenizer.json
   * @param tokenizerConfigJson text of tokenizer_config.json; `{}` where the model has none
   * @throws ModelError when a file is not JSON or not a tokenizer that can be read
   */
  static create(tokenizerJson: string, tokenizerConfigJson: string): ModelTokenizer {
    const json = parseFile('tokenizer.json', tokenizerJson, tokenizerSchema);
    const config = parseFile('tokenizer_config.json', tokenizerConfigJson, configSchema);
    const endOfText = typeof config.eos_token === 'object' ? config.eos_token?.content : config.eos_token;
    try {
      return new ModelTokenizer(new Tokenizer(json, config), alphabetOf(json.decoder), endOfText ?? null);
    } catch (cause) {
      throw new ModelError(`tokenizer.json cannot be read: ${messageOf(cause)}`, {
        cause,
        next: 'Use the tokenizer.json that belongs to the model.',
      });
    }
  }

  /**
   * Token ids of `text`.
   * @param special adds the begin/end tokens where the tokenizer has them (Llama adds one, GPT-2 none)
   * @throws ModelError when a piece of the text has no token
   */
  encode(text: string, { special }: { special: boolean }): number[] {
    const { ids, tokens } = this.#tokenizer.encode(text, { add_special_tokens: special });
    // The typings promise numbers, but a vocabulary without an unknown token yields undefined.
    const missing = (ids as (number | undefined)[]).indexOf(undefined);
    if (missing >= 0) throw new ModelError(`The model's vocabulary has no token for “${tokens[missing]}”.`);
    return ids;
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

  #normalize(text: string): string {
    return withPlainSpaces(this.#tokenizer.normalizer?.normalize(text) ?? text);
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
