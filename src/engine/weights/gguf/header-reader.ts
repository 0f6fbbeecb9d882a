/** Reads the primitive parts of a GGUF header from bytes that may end too soon. All numbers are little-endian. */
import { ModelError } from '../../errors.ts';

/** The bytes at hand end before the header does. */
export class HeaderEnds extends Error {}

export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

/** A byte order mark is a character here: vocabularies have tokens that begin with one. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The types of metadata values, by their numbers (gguf.h: enum gguf_type). */
const SCALARS: ReadonlyMap<number, (reader: HeaderReader) => GgufValue> = new Map<
  number,
  (reader: HeaderReader) => GgufValue
>([
  [0, (reader) => reader.view(1).getUint8(0)],
  [1, (reader) => reader.view(1).getInt8(0)],
  [2, (reader) => reader.view(2).getUint16(0, true)],
  [3, (reader) => reader.view(2).getInt16(0, true)],
  [4, (reader) => reader.uint32()],
  [5, (reader) => reader.view(4).getInt32(0, true)],
  [6, (reader) => reader.view(4).getFloat32(0, true)],
  [7, (reader) => reader.view(1).getUint8(0) !== 0],
  [8, (reader) => reader.text()],
  [10, (reader) => asNumber(reader.view(8).getBigUint64(0, true))],
  [11, (reader) => asNumber(reader.view(8).getBigInt64(0, true))],
  [12, (reader) => reader.view(8).getFloat64(0, true)],
]);
const ARRAY = 9;

/** Arrays within arrays; no program writes more. */
const MAX_DEPTH = 4;

/** Whole numbers as numbers where they are exact. */
function asNumber(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

export class HeaderReader {
  /** Bytes read so far. */
  position = 0;
  readonly #fileName: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(fileName: string, bytes: Uint8Array) {
    this.#fileName = fileName;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next `length` bytes, which count as read. @throws HeaderEnds */
  view(length: number): DataView {
    return new DataView(this.#view.buffer, this.#view.byteOffset + this.#advance(length), length);
  }

  /** @throws HeaderEnds */
  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A 64-bit size or offset. @throws HeaderEnds; ModelError when it is beyond every file's size */
  size(what: string): number {
    const value = this.#view.getBigUint64(this.#advance(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fault(`${what} is ${value}`);
    return Number(value);
  }

  /** @throws HeaderEnds; ModelError when it is not UTF-8 */
  text(): string {
    const start = this.#advance(this.size('the length of a text'));
    try {
      return UTF_8.decode(this.#bytes.subarray(start, this.position));
    } catch (cause) {
      throw this.fault('a text is not UTF-8', { cause });
    }
  }

  /** A metadata value after its type. @throws HeaderEnds; ModelError when its type is not known */
  value(key: string, type = this.uint32(), depth = 0): GgufValue {
    const scalar = SCALARS.get(type);
    if (scalar) return scalar(this);
    if (type !== ARRAY || depth === MAX_DEPTH) throw this.fault(`“${key}” has a value of the unknown type ${type}`);
    const itemType = this.uint32();
    const count = this.size(`the length of “${key}”`);
    // Every item takes a byte at least: a length that no file has is refused before it is believed.
    if (count > this.#bytes.length - this.position) throw new HeaderEnds();
    const items: GgufValue[] = [];
    const item = SCALARS.get(itemType);
    for (let i = 0; i < count; i += 1) items.push(item ? item(this) : this.value(key, itemType, depth + 1));
    return items;
  }

  fault(what: string, advice: { next?: string; cause?: unknown } = {}): ModelError {
    return new ModelError(`“${this.#fileName}” is not a usable GGUF file: ${what}.`, {
      next: 'The file is damaged or incomplete; download it again.',
      ...advice,
    });
  }

  /** Where the next `length` bytes start, after going past them. */
  #advance(length: number): number {
    const start = this.position;
    if (length > this.#bytes.length - start) throw new HeaderEnds();
    this.position += length;
    return start;
  }
}
