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
