/** Keeps what the tuning of a GPU found from one run of the command line to the next, in a file of the user's cache folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TileTable } from '../engine/linalg/webgpu/tiles.ts';
import { tileTableSchema, type TuningStore } from '../engine/linalg/webgpu/tuning.ts';
import { cacheFolder } from './cache-folder.ts';
import { writeWhole } from './outputs.ts';

const tuningsSchema = z.record(z.string(), z.unknown());

/** What cannot be read or written is not kept: the next run tunes again. */
export class TuningFile implements TuningStore {
  readonly #path: string;

  constructor(path = join(cacheFolder(), 'tiles.json')) {
    this.#path = path;
  }

  async loadTiles(key: string): Promise<TileTable | null> {
    return tileTableSchema.safeParse((await this.#read())[key]).data ?? null;
  }

  async saveTiles(key: string, tiles: TileTable): Promise<void> {
    const all = { ...(await this.#read()), [key]: tiles };
    try {
      await writeWhole(this.#path, `${JSON.stringify(all, null, 2)}\n`);
    } catch {
      // A cache folder that cannot be written is no reason to stop.
    }
  }

  async #read(): Promise<Record<string, unknown>> {
    try {
      return tuningsSchema.parse(JSON.parse(await readFile(this.#path, 'utf8')));
    } catch {
      return {};
    }
  }
}
