/** Model files on disk, for the headless program and for tests: the same interfaces as in the browser. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DownloadError, throwIfCancelled } from '../engine/errors.ts';
import { MissingFileError, type ModelFile, type ModelSource } from '../engine/sources/model-source.ts';
import { assertRange, unreadable, type ByteSource } from '../engine/weights/byte-source.ts';

/**
 * A source over the file at `path`. Each read opens the file anew, so that there is no handle to close.
 * @throws MissingFileError when there is no such file.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const name = basename(path);
  const missing = (cause?: unknown): MissingFileError =>
    new MissingFileError(`There is no file “${path}” that can be read.`, { cause });
  const info = await stat(path).catch((cause: unknown) => {
    throw missing(cause);
  });
  if (!info.isFile()) throw missing();
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

/** The model at `path`: a GGUF file, or a folder. */
export function modelAt(path: string): ModelSource {
  return path.toLowerCase().endsWith('.gguf') ? singleFile(path) : folderSource(path);
}

/** The file at `path` and none of those beside it, which are other models' as likely as not. */
function singleFile(path: string): ModelSource {
  const file = basename(path);
  return {
    id: resolve(path),
    revision: null,
    name: file.replace(/\.[^.]*$/, ''),
    list: async () => [{ path: file, size: (await fileSource(path)).size, sha256: null }],
    open: async (name, onProgress, signal) => {
      throwIfCancelled(signal);
      if (name !== file) throw new MissingFileError(`There is no “${name}” beside “${file}”.`);
      const source = await fileSource(path);
      onProgress?.({ file: name, loaded: source.size, total: source.size });
      return source;
    },
  };
}

/** The files of the folder `directory`, which gives the model its name; `list` gives those directly in it. */
export function folderSource(directory: string): ModelSource {
  return {
    id: resolve(directory),
    revision: null,
    name: basename(resolve(directory)),
    list: async (signal) => {
      throwIfCancelled(signal);
      const names = await readdir(directory).catch((cause: unknown) => {
        throw new DownloadError(`The folder “${directory}” cannot be read.`, { cause });
      });
      const files: ModelFile[] = [];
      for (const path of names.sort()) {
        // By `stat`, because downloaded repositories are often kept as links to files.
        const info = await stat(join(directory, path)).catch(() => null);
        if (info?.isFile()) files.push({ path, size: info.size, sha256: null });
      }
      return files;
    },
    open: async (path, onProgress, signal) => {
      throwIfCancelled(signal);
      const source = await fileSource(join(directory, path));
      onProgress?.({ file: path, loaded: source.size, total: source.size });
      return source;
    },
  };
}
