/** Downloads the files of a model that are needed and not yet kept, one after the other. */
import { downloadFile } from './download-file.ts';
import type { FileStore } from './file-store.ts';
import type { HubClient } from './hub-client.ts';
import { neededFiles, totalSize, type HubFile, type HubListing } from './listing.ts';
import { TransferRate } from './transfer-rate.ts';

export interface ModelDownloadProgress {
  /** “Checking”: bytes of an earlier try are read; “Waiting”: until the hub is asked again. */
  readonly stage: 'Downloading' | 'Checking' | 'Waiting';
  /** The file at hand. */
  readonly file: string;
  /** Bytes of it, so far and in all. */
  readonly fileLoaded: number;
  readonly fileTotal: number;
  /** Bytes of all needed files, so far and in all. */
  readonly loaded: number;
  readonly total: number;
  /** Null while that cannot be told. */
  readonly secondsLeft: number | null;
  /** Why it waits, and for how long; else empty. */
  readonly reason: string;
}

export interface ModelDownloadOptions {
  readonly onProgress?: (progress: ModelDownloadProgress) => void;
  readonly signal?: AbortSignal;
  readonly stallSeconds?: number;
}

/**
 * @throws ModelError when the model has no weights that can be read, before anything is downloaded;
 * what {@link downloadFile} throws
 */
export async function downloadModel(
  client: HubClient,
  listing: HubListing,
  store: FileStore,
  { onProgress, signal, stallSeconds }: ModelDownloadOptions = {},
): Promise<void> {
  const files = neededFiles(listing);
  const total = totalSize(files);
  const rate = new TransferRate();
  /** Of files that are whole. */
  let before = 0;

  async function fetchFile(file: HubFile): Promise<void> {
    let fileLoaded = 0;
    const report = (stage: ModelDownloadProgress['stage'], reason = ''): void => {
      const loaded = before + fileLoaded;
      const secondsLeft = stage === 'Downloading' ? rate.secondsFor(total - loaded) : null;
      onProgress?.({ stage, file: file.path, fileLoaded, fileTotal: file.size, loaded, total, secondsLeft, reason });
    };
    await downloadFile(client, listing, file, store, {
      signal,
      stallSeconds,
      onProgress: ({ stage, loaded }) => {
        // Bytes that are begun anew, or were there before, did not just come.
        if (stage === 'Checking' || loaded < fileLoaded) rate.restart();
        fileLoaded = loaded;
        if (stage === 'Downloading') rate.mark(before + loaded);
        report(stage);
      },
      onWait: (reason, seconds) => {
        rate.restart();
        report('Waiting', `${reason} Trying again in ${Math.ceil(seconds)} s.`);
      },
    });
  }

  for (const file of files) {
    if ((await store.open(file)) === null) await fetchFile(file);
    before += file.size;
  }
}

/** Bytes of the needed files, and whether all of them are in the store. */
export async function keptState(listing: HubListing, store: FileStore): Promise<{ total: number; whole: boolean }> {
  const files = neededFiles(listing);
  let whole = true;
  for (const file of files) whole &&= (await store.open(file)) !== null;
  return { total: totalSize(files), whole };
}
