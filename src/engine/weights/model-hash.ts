/**
 * The identity of a model: which weights and which config a patch or a covariance was made with. SHA-256 comes from hash-wasm,
 * because WebCrypto cannot digest a stream and is missing where a page is served without HTTPS.
 */
import { createSHA256, sha256 } from 'hash-wasm';
import { throwIfCancelled } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { TensorIndex } from './tensor-index.ts';

export interface ModelIdentity {
  /** `sha256:` and 64 hex digits. */
  readonly hash: string;
  /**
   * Whether `hash` names this model, in today's form or the former one (64 hex digits alone). The former one is computed when it is
   * first asked about, and then kept.
   * @throws DownloadError when the weights can no longer be read
   */
  is(hash: string): Promise<boolean>;
  /**
   * What former versions of this program called the model: patches and histories may lie under it. A model of several files or one in
   * another format, which they could not open, has no other name than `hash`.
   * @throws DownloadError when the weights can no longer be read
   */
  formerHash(): Promise<string>;
}

/** Bytes read and hashed at a time; part of the former scheme, in which another size gives other hashes. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/**
 * Hashes the config's text (UTF-8) and, after it, every byte of each shard in the index's order, as one SHA-256. Of a shard that is made
 * from a stored file, that file is hashed in place of both: it holds the config too, and is what others have of the model.
 * @param onBytes how many bytes are hashed
 * @throws DownloadError when a shard cannot be read; CancelledError
 */
export async function hashModel(
  index: TensorIndex,
  configText: string,
  signal?: AbortSignal,
  onBytes?: (hashed: number) => void,
): Promise<ModelIdentity> {
  const hasher = await createSHA256();
  let hashed = 0;
  if (index.shards.some(({ source }) => !source.stored)) hasher.update(utf8(configText));
  for (const { source } of index.shards) {
    for await (const chunk of chunksOf(source.stored ?? source, signal)) {
      hasher.update(chunk);
      hashed += chunk.byteLength;
      onBytes?.(hashed);
    }
  }
  const hash = `sha256:${hasher.digest()}`;

  let former: Promise<string> | null = null;
  async function formerHash(): Promise<string> {
    // Not the signal of the opening: this may be asked for at any time after it.
    former ??= legacyModelHash(index, configText).then((legacy) => legacy ?? hash);
    try {
      return await former;
    } catch (error) {
      former = null; // the file may be there again the next time
      throw error;
    }
  }
  return {
    hash,
    formerHash,
    is: async (other) => other === hash || (/^[0-9a-f]{64}$/.test(other) && other === (await formerHash())),
  };
}

/**
 * The hash in its former form, 64 hex digits: SHA-256 over the SHA-256 of the config's text and those of each 8 MiB of the file, the
 * last piece being shorter. Null for a model of several files or in another format, which had none.
 * @throws DownloadError when the file cannot be read; CancelledError
 */
export async function legacyModelHash(
  index: TensorIndex,
  configText: string,
  signal?: AbortSignal,
): Promise<string | null> {
  if (index.shards.length !== 1 || index.shards[0].source.stored) return null;
  const piece = await createSHA256();
  const digestOf = (bytes: Uint8Array): Uint8Array => piece.init().update(bytes).digest('binary');
  const whole = await createSHA256();
  whole.update(digestOf(utf8(configText)));
  for await (const chunk of chunksOf(index.shards[0].source, signal)) whole.update(digestOf(chunk));
  return whole.digest();
}

/** SHA-256 of a text in UTF-8, as 64 hex digits. */
export function sha256Text(text: string): Promise<string> {
  return sha256(utf8(text));
}

/** The source's bytes in pieces; the next one is read while the one before is hashed. */
async function* chunksOf(source: ByteSource, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const read = (start: number): Promise<Uint8Array> => {
    const chunk = source.read(start, Math.min(start + CHUNK_BYTES, source.size), signal);
    // A failure counts when the chunk's turn comes; before that nobody waits for it.
    chunk.catch(() => undefined);
    return chunk;
  };
  let next = read(0);
  for (let end = CHUNK_BYTES; end - CHUNK_BYTES < source.size; end += CHUNK_BYTES) {
    throwIfCancelled(signal);
    const chunk = await next;
    if (end < source.size) next = read(end);
    yield chunk;
  }
}

/** As it is on every system: a checkout on Windows ends lines otherwise, and is the same model. */
function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text.replaceAll('\r\n', '\n'));
}
