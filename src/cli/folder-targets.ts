/** Targets of edits as files of the user's cache folder. */
import { appendFile, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tooMany, type TargetStore } from '../engine/targets/kept-targets.ts';
import { cacheFolder } from './cache-folder.ts';
import { writeWhole } from './outputs.ts';

const EXTENSION = '.targets';

export class FolderTargets implements TargetStore {
  readonly #folder: string;

  constructor(folder = join(cacheFolder(), 'targets')) {
    this.#folder = folder;
  }

  async read(name: string): Promise<Uint8Array | null> {
    try {
      return await readFile(this.#path(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await writeWhole(this.#path(name), bytes);
    for (const { path } of tooMany(await this.#files())) await rm(path, { force: true });
  }

  async append(name: string, bytes: Uint8Array): Promise<void> {
    await appendFile(this.#path(name), bytes);
  }

  async #files(): Promise<{ path: string; bytes: number; writtenAt: number }[]> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(EXTENSION));
    return Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const { size, mtimeMs } = await stat(path);
        return { path, bytes: size, writtenAt: mtimeMs };
      }),
    );
  }

  #path(name: string): string {
    return join(this.#folder, name + EXTENSION);
  }
}
