/** A model from files that the user picked, alone or as a folder. */
import { EngineError, throwIfCancelled } from '../errors.ts';
import { smallest } from '../extent.ts';
import { blobSource } from '../weights/byte-source.ts';
import { MissingFileError, type ModelSource } from './model-source.ts';

/**
 * Picked files, found by file name. Names may be paths (a picked folder): of several files with one name the one nearest the top
 * counts, as repositories keep copies of config.json in folders for other programs. `list` gives the file names that can be opened.
 * Asking for a file that lies twice at the same depth throws EngineError ('input').
 * @param name of the model
 */
export function pickedFiles(name: string, files: readonly { name: string; blob: Blob }[]): ModelSource {
  function nearest(path: string): Blob[] {
    const candidates = files.filter((file) => fileName(file.name) === path);
    const top = smallest(candidates.map((file) => depth(file.name)));
    return candidates.filter((file) => depth(file.name) === top).map(({ blob }) => blob);
  }

  function find(path: string): Blob {
    const found = nearest(path);
    if (found.length === 1) return found[0];
    if (found.length > 1) {
      throw new EngineError('input', `Two of the files are called “${path}”.`, {
        next: 'Pick the files of one model.',
      });
    }
    const picked = files.map((file) => fileName(file.name)).join(', ') || 'none';
    throw new MissingFileError(`“${path}” is not among the files (${picked}).`, {
      next: 'Pick all files of the model together.',
    });
  }

  return {
    id: name,
    revision: null,
    name,
    list: async () => {
      const names = new Set(files.map((file) => fileName(file.name)));
      return [...names].map((path) => ({ path, size: nearest(path)[0].size, sha256: null }));
    },
    open: async (path, onProgress, signal) => {
      throwIfCancelled(signal);
      const blob = find(path);
      onProgress?.({ file: path, loaded: blob.size, total: blob.size });
      return blobSource(path, blob);
    },
  };
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function depth(path: string): number {
  return path.split('/').length;
}
