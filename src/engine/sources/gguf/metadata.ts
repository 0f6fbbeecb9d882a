/** The metadata of a GGUF file, read by key and type. */
import { ModelError } from '../../errors.ts';
import type { GgufFile } from '../../weights/gguf/gguf-file.ts';
import type { GgufValue } from '../../weights/gguf/header-reader.ts';

export class GgufMetadata {
  readonly #fileName: string;
  readonly #values: GgufFile['metadata'];

  constructor({ source, metadata }: GgufFile) {
    this.#fileName = source.name;
    this.#values = metadata;
  }

  /** @throws ModelError when there is none, or it is no number */
  number(key: string): number {
    return this.#required(key, this.optionalNumber(key));
  }

  /** Undefined where there is none. @throws ModelError when it is no number */
  optionalNumber(key: string): number | undefined {
    return this.#typed(key, 'a number', (value) => (typeof value === 'number' ? value : undefined));
  }

  /** The shortest decimal that is the same 32-bit number: 0.00001 in place of 9.999999747378752e-6. */
  optionalFloat(key: string): number | undefined {
    const value = this.optionalNumber(key);
    return value === undefined ? undefined : shortestDecimal(value);
  }

  float(key: string): number {
    return this.#required(key, this.optionalFloat(key));
  }

  /** @throws ModelError when it is neither true nor false */
  optionalFlag(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  /** @throws ModelError when it is no text */
  optionalText(key: string): string | undefined {
    return this.#typed(key, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  text(key: string): string {
    return this.#required(key, this.optionalText(key));
  }

  /** @throws ModelError when it is no list of texts */
  optionalTexts(key: string): readonly string[] | undefined {
    return this.#typed(key, 'a list of texts', (value) => listOf(value, (item) => typeof item === 'string'));
  }

  texts(key: string): readonly string[] {
    return this.#required(key, this.optionalTexts(key));
  }

  /** @throws ModelError when it is no list of numbers */
  optionalNumbers(key: string): readonly number[] | undefined {
    return this.#typed(key, 'a list of numbers', (value) => listOf(value, (item) => typeof item === 'number'));
  }

  numbers(key: string): readonly number[] {
    return this.#required(key, this.optionalNumbers(key));
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  refusal(what: string, next = 'Use the model in Hugging Face layout.'): ModelError {
    return new ModelError(`“${this.#fileName}” cannot be opened: ${what}.`, { next });
  }

  #typed<T>(key: string, kind: string, read: (value: GgufValue) => T | undefined): T | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    const typed = read(value);
    if (typed === undefined) throw this.refusal(`its metadata “${key}” is not ${kind}`);
    return typed;
  }

  #required<T>(key: string, value: T | undefined): T {
    if (value === undefined) throw this.refusal(`its metadata lacks “${key}”`);
    return value;
  }
}

function listOf<T extends GgufValue>(
  value: GgufValue,
  isItem: (item: GgufValue) => item is T,
): readonly T[] | undefined {
  return isList(value) && value.every(isItem) ? value : undefined;
}

/** `Array.isArray` knows of no read-only arrays. */
function isList(value: GgufValue): value is readonly GgufValue[] {
  return Array.isArray(value);
}

function shortestDecimal(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === Math.fround(value)) return decimal;
  }
  return value;
}
