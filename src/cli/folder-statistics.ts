/** Computed statistics as files of a folder: one that the user names, or the user's cache. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { writeWhole } from './outputs.ts';
import type { StatisticsStore } from '../engine/statistics/stored-statistics.ts';

export class FolderStatistics implements StatisticsStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(key: string): Promise<Uint8Array | null> {
    try {
      return await readFile(this.#path(key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await writeWhole(this.#path(key), bytes);
  }

  #path(key: string): string {
    return join(this.#folder, `${key}.safetensors`);
  }
}

/** In the user's cache folder. What cannot be written there is computed again: no reason to stop a run. */
export class CachedStatistics extends FolderStatistics {
  constructor() {
    super(join(cacheFolder(), 'statistics'));
  }

  override async write(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await super.write(key, bytes);
    } catch {
      // A full disk, or a folder that is not to be written.
    }
  }
}
