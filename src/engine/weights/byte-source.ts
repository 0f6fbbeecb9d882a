/**
 * Random access to the bytes of a file, wherever they are: memory, a Blob (a picked file, a finished download) or, in Node,
 * a file on disk. Readers ask for ranges, so that a model never has to be in memory as a whole.
 */
import { DownloadError, throwIfCancelled } from '../errors.ts';

export interface ByteSource {
  /** The file's name, for messages. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /** The file that these bytes are made from, where they lie in none themselves. */
  readonly stored?: ByteSource;
  /**
   * Exactly the bytes [start, end). The result may be a view of the source's own memory: do not write to it.
   * @throws DownloadError when the range is outside the file or cannot be read; CancelledError.
   */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** A source over `bytes` (not copied). */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read: async (start, end, signal) => {
      throwIfCancelled(signal);
      assertRange(name, bytes.byteLength, start, end);
      return bytes.subarray(start, end);
    },
  };
}

/** A source over a Blob or a File; ranges are read when they are asked for. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    read: async (start, end, signal) => {
      throwIfCancelled(signal);
      assertRange(name, blob.size, start, end);
      let buffer: ArrayBuffer;
      try {
        buffer = await blob.slice(start, end).arrayBuffer();
      } catch (cause) {
        throw unreadable(name, cause);
      }
      throwIfCancelled(signal);
      if (buffer.byteLength !== end - start) throw unreadable(name, undefined);
      return new Uint8Array(buffer);
    },
  };
}

/** @throws DownloadError when [start, end) is not a range of a file of `size` bytes. */
export function assertRange(name: string, size: number, start: number, end: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > size) {
    throw new DownloadError(`Bytes ${start} to ${end} are outside the file “${name}”, which has ${size}.`);
  }
}

/** The error for a file that was there and now cannot be read: moved, changed or deleted since it was opened. */
export function unreadable(name: string, cause: unknown): DownloadError {
  return new DownloadError(`The file “${name}” could not be read.`, {
    next: 'It may have been moved or changed since it was opened; open it again.',
    cause,
  });
}

/** `bytes`, copied only when they lie in shared memory, which Blob refuses. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice();
}

/** Bytes gathered before they are handed to the browser as one Blob. */
const BLOB_PIECE_BYTES = 32 * 1024 * 1024;

/**
 * The chunks as one Blob. They are handed over piece by piece, because a browser may keep Blobs on disk while a script's
 * arrays stay in memory.
 * @throws CancelledError between two chunks.
 */
export async function blobFromChunks(chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Blob> {
  const pieces: Blob[] = [];
  let pending: Uint8Array<ArrayBuffer>[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    throwIfCancelled(signal);
    pending.push(unshared(chunk));
    pendingBytes += chunk.byteLength;
    if (pendingBytes >= BLOB_PIECE_BYTES) {
      pieces.push(new Blob(pending));
      pending = [];
      pendingBytes = 0;
    }
  }
  return new Blob([...pieces, ...pending], { type: 'application/octet-stream' });
}
