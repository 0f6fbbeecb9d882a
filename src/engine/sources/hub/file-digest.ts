/** Whether a downloaded file is the one that the hub lists. */
import { createSHA1, createSHA256 } from 'hash-wasm';
import type { HubFile } from './listing.ts';

export interface FileDigest {
  /** Forgets what was fed. */
  restart(): void;
  /** The file's bytes, in order. */
  update(bytes: Uint8Array): void;
  /** Whether all that was fed since the start is the file. */
  matches(): boolean;
}

/** Large files are listed with their SHA-256, small ones as git blobs: the SHA-1 of `blob`, the size, a zero and the bytes. */
export async function fileDigest({ sha256, oid, size }: HubFile): Promise<FileDigest> {
  const hasher = sha256 === null ? await createSHA1() : await createSHA256();
  const restart = (): void => {
    hasher.init();
    if (sha256 === null) hasher.update(`blob ${size}\0`);
  };
  restart();
  return {
    restart,
    update: (bytes) => hasher.update(bytes),
    matches: () => hasher.digest() === (sha256 ?? oid),
  };
}
