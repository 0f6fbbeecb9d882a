/** A model that was downloaded from a hub, as its files are kept. */
import { DownloadError, throwIfCancelled } from '../../errors.ts';
import { MissingFileError, type ModelSource } from '../model-source.ts';
import type { FileStore } from './file-store.ts';
import { neededFiles, type HubListing } from './listing.ts';

/** `list` gives the files that are needed, which are those that were downloaded. */
export function hubSource(listing: HubListing, store: FileStore): ModelSource {
  return {
    id: listing.id,
    revision: listing.commit,
    name: listing.id,
    list: () => Promise.resolve(neededFiles(listing)),
    open: async (path, onProgress, signal) => {
      throwIfCancelled(signal);
      const file = listing.files.find((each) => each.path === path);
      if (!file) {
        throw new MissingFileError(`“${listing.id}” has no file “${path}”.`, {
          next: 'The model needs it in Hugging Face layout; look on the hub for another copy.',
        });
      }
      const source = await store.open(file);
      if (!source) {
        throw new DownloadError(`“${path}” of “${listing.id}” is not downloaded.`, {
          next: 'Download the model again.',
        });
      }
      onProgress?.({ file: path, loaded: file.size, total: file.size });
      return source;
    },
  };
}
