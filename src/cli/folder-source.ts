/** Model files on disk, for the headless program and for tests: the same interfaces as in the browser. */
import { open, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DownloadError, throwIfCancelled } from '../engine/errors.ts';
import { assertRange, unreadable, type ByteSource } from '../engine/weights/byte-source.ts';
import { decodeText, type ModelFiles } from '../engine/sources/model-files.ts';

/**
 * A source over the file at `path`. Each read opens the file anew, so that there is no handle to close.
 * @throws DownloadError when there is no such file.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const name = basename(path);
  const info = await stat(path).catch((cause: unknown) => {
    throw missing(path, cause);
  });
  if (!info.isFile()) throw missing(path, undefined);
  const size = info.size;
  return {
    name,
    size,
    read: async (start, end, signal) => {
      throwIfCancelled(signal);
      assertRange(name, size, start, end);
      const bytes = new Uint8Array(end - start);
      try {
        const handle = await open(path);
        try {
          let filled = 0;
          while (filled < bytes.byteLength) {
            const { bytesRead } = await handle.read(bytes, filled, bytes.byteLength - filled, start + filled);
            if (bytesRead === 0) throw new Error(`The file ends at byte ${start + filled}.`);
            filled += bytesRead;
          }
        } finally {
          await handle.close();
        }
      } catch (cause) {
        throw unreadable(name, cause);
      }
      throwIfCancelled(signal);
      return bytes;
    },
  };
}

/** The files of the folder `directory`, which gives the model its name. */
export function folderFiles(directory: string): ModelFiles {
  async function readText(path: string, signal?: AbortSignal): Promise<string> {
    throwIfCancelled(signal);
    const file = join(directory, path);
    const bytes = await readFile(file).catch((cause: unknown) => {
      throw missing(file, cause);
    });
    return decodeText(path, bytes);
  }

  return {
    name: basename(resolve(directory)),
    open: async (path, onProgress, signal) => {
      throwIfCancelled(signal);
      const source = await fileSource(join(directory, path));
      onProgress?.({ file: path, loaded: source.size, total: source.size });
      return source;
    },
    readText,
    optionalText: async (path, signal) => {
      const exists = await stat(join(directory, path)).then(
        () => true,
        () => false,
      );
      return exists ? readText(path, signal) : null;
    },
  };
}

function missing(path: string, cause: unknown): DownloadError {
  return new DownloadError(`There is no file “${path}” that can be read.`, { cause });
}
