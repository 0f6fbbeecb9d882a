/** Small things done with text everywhere: what an unknown failure says, and reading JSON and UTF-8 that may be damaged. */

/** What a caught value says: an error's message, or the value as text. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * The value that `text` holds as JSON; nothing about its shape is checked.
 * @param failure the error to throw when it is not JSON, from the parser's reason and error
 */
export function parseJson(text: string, failure: (reason: string, cause: unknown) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw failure(messageOf(cause), cause);
  }
}

/**
 * The bytes as text; a byte order mark is left out.
 * @param failure the error to throw when they are not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array, failure: (cause: unknown) => Error): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw failure(cause);
  }
}

/** Byte order marks and what follows them. */
const MARKS: readonly (readonly [encoding: string, ...mark: number[]])[] = [
  ['UTF-8', 0xef, 0xbb, 0xbf],
  ['UTF-16LE', 0xff, 0xfe],
  ['UTF-16BE', 0xfe, 0xff],
];

/** What bytes are taken for that are nothing else: Excel's tables often are, and any bytes can be. */
export const GUESSED_ENCODING = 'Windows-1252';

export interface DecodedText {
  readonly text: string;
  /** As the text was read: UTF-8, UTF-16 where a mark says so, else {@link GUESSED_ENCODING}. */
  readonly encoding: string;
}

/** A user's file as text, without a byte order mark. */
export function decodeText(bytes: Uint8Array): DecodedText {
  const marked = MARKS.find(([, ...mark]) => mark.every((byte, i) => bytes[i] === byte));
  if (marked) return { text: new TextDecoder(marked[0]).decode(bytes), encoding: marked[0] };
  try {
    return { text: decodeUtf8(bytes, () => new TypeError('not UTF-8')), encoding: 'UTF-8' };
  } catch {
    return { text: new TextDecoder(GUESSED_ENCODING).decode(bytes), encoding: GUESSED_ENCODING };
  }
}
