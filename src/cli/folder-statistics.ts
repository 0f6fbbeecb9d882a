/** Computed statistics as files of a folder. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
    await mkdir(this.#folder, { recursive: true });
    // Renamed into place, so that a run that is killed leaves no half of a file for the next one to read.
    const part = `${this.#path(key)}.${process.pid}.part`;
    await writeFile(part, bytes);
    await rename(part, this.#path(key));
  }

  #path(key: string): string {
    return join(this.#folder, `${key}.safetensors`);
  }
}
