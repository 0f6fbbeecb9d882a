/** What is often found in place of a file of weights. */

/** Bytes of a file's beginning that tell. */
export const STAND_IN_BYTES = 64;

/**
 * What a file is in place of itself: what git keeps in place of a large file, or the page of an address or an error; null for neither.
 * @param beginning the file's first bytes, up to {@link STAND_IN_BYTES}
 */
export function standInOf(beginning: Uint8Array): 'pointer' | 'page' | null {
  const text = new TextDecoder('latin1').decode(beginning.subarray(0, STAND_IN_BYTES)).trimStart();
  if (text.startsWith('version https://git-lfs.github.com/spec/')) return 'pointer';
  return /^<(!doctype|html|\?xml)/i.test(text) ? 'page' : null;
}
