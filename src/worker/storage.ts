/** What outlives the page: patch stacks and average traces per model, computed statistics, and tunings per GPU, in IndexedDB. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { EngineError } from '../engine/errors.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type { StatisticsStore } from '../engine/statistics/covariances.ts';
import type { TileTable } from '../engine/linalg/webgpu/tiles.ts';
import { tileTableSchema } from '../engine/linalg/webgpu/tuning.ts';
import type { AverageTraceView } from './trace-api.ts';

interface Schema extends DBSchema {
  /** Patch stacks, oldest patch first, by model hash. */
  history: { key: string; value: readonly StackEntry[] };
  /** Statistics files by model, text and layer. */
  statistics: { key: string; value: Uint8Array };
  /** The last causal trace averaged over known facts, by model hash. */
  traces: { key: string; value: AverageTraceView };
  /** The tiles of matrix products that were found fastest, by adapter. */
  tiles: { key: string; value: TileTable };
}

const DATABASE = 'memit-playground';
const VERSION = 3;

export class BrowserStorage implements StatisticsStore {
  #database: Promise<IDBPDatabase<Schema>> | null = null;

  // Statistics are only kept to save time: without storage they are computed anew, and no run fails for it.
  async read(key: string): Promise<Uint8Array | null> {
    return (await this.#use((database) => database.get('statistics', key)).catch(() => null)) ?? null;
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await this.#use((database) => database.put('statistics', bytes, key)).catch(() => undefined);
  }

  async loadHistory(modelHash: string): Promise<readonly StackEntry[]> {
    return (await this.#use((database) => database.get('history', modelHash))) ?? [];
  }

  async saveHistory(modelHash: string, entries: readonly StackEntry[]): Promise<void> {
    await this.#use((database) => database.put('history', entries, modelHash));
  }

  /** Traces are only kept to save time, as statistics are. */
  async loadAverageTrace(modelHash: string): Promise<AverageTraceView | null> {
    return (await this.#use((database) => database.get('traces', modelHash)).catch(() => null)) ?? null;
  }

  async saveAverageTrace(modelHash: string, view: AverageTraceView): Promise<void> {
    await this.#use((database) => database.put('traces', view, modelHash)).catch(() => undefined);
  }

  /** Tiles too; what is kept may come from another version of the page, which knew other tiles. */
  async loadTiles(key: string): Promise<TileTable | null> {
    const kept = await this.#use((database) => database.get('tiles', key)).catch(() => undefined);
    return tileTableSchema.safeParse(kept).data ?? null;
  }

  async saveTiles(key: string, tiles: TileTable): Promise<void> {
    await this.#use((database) => database.put('tiles', tiles, key)).catch(() => undefined);
  }

  async #use<T>(body: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    try {
      this.#database ??= openDB<Schema>(DATABASE, VERSION, {
        upgrade: (database, oldVersion) => {
          if (oldVersion < 1) {
            database.createObjectStore('history');
            database.createObjectStore('statistics');
          }
          if (oldVersion < 2) database.createObjectStore('traces');
          if (oldVersion < 3) database.createObjectStore('tiles');
        },
        // A newer page in another tab must be able to upgrade; this one opens the database anew when it needs it.
        blocking: (_current, _blocked, event) => {
          (event.target as IDBDatabase).close();
          this.#database = null;
        },
      });
      return await body(await this.#database);
    } catch (cause) {
      this.#database = null;
      throw new EngineError('storage', 'This browser could not read or write its storage (IndexedDB).', {
        cause,
        kept: 'What was done is in effect in this tab, but would be gone after a reload.',
        next: 'Free some disk space or leave private browsing; download the patch file to keep it.',
      });
    }
  }
}
