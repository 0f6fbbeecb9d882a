/** The identity of a model: which weights and which config a patch or a covariance was made with. */
import { EngineError, throwIfCancelled } from '../errors.ts';
import { unshared } from './byte-source.ts';
import type { SafetensorsFile } from './safetensors.ts';

/** Part of the scheme: another size gives other hashes. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/** Chunks read and hashed at a time. */
const CHUNKS_IN_FLIGHT = 4;

/**
 * SHA-256, as 64 hex digits, over the concatenation of the SHA-256 of the config's text (UTF-8) and the SHA-256 of each
 * 8 MiB chunk of the whole safetensors file, header included, the last chunk being shorter. Two levels, because WebCrypto
 * cannot digest a stream; as hard to collide as SHA-256 itself.
 * @throws EngineError ('device') where there is no WebCrypto (a page that is not served over HTTPS or from localhost);
 * CancelledError.
 */
export async function hashModel(file: SafetensorsFile, config: string, signal?: AbortSignal): Promise<string> {
  // Absent outside secure contexts, whatever the type says.
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!subtle) {
    throw new EngineError('device', 'The browser gives this page no cryptography, which identifies the model.', {
      next: 'Open the page over HTTPS or from localhost.',
    });
  }
  const { source } = file;
  const chunkCount = Math.ceil(source.size / CHUNK_BYTES);
  const digests = new Uint8Array(32 * (1 + chunkCount));
  digests.set(await sha256(subtle, new TextEncoder().encode(config)));

  let next = 0;
  const hashChunks = async (): Promise<void> => {
    while (next < chunkCount) {
      throwIfCancelled(signal);
      const index = next;
      next += 1;
      const start = index * CHUNK_BYTES;
      const chunk = await source.read(start, Math.min(start + CHUNK_BYTES, source.size), signal);
      digests.set(await sha256(subtle, chunk), 32 * (1 + index));
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_IN_FLIGHT }, hashChunks));
  const digest = await sha256(subtle, digests);
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function sha256(subtle: SubtleCrypto, bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle.digest('SHA-256', unshared(bytes)));
}
