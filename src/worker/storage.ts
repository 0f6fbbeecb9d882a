/** What outlives the page: patch stacks per model and computed statistics, in IndexedDB. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { EngineError } from '../engine/errors.ts';
import type { StackEntry } from '../engine/editing/patch-stack.ts';
import type { StatisticsStore } from '../engine/stats/covariances.ts';

interface Schema extends DBSchema {
  /** Patch stacks, oldest patch first, by model hash. */
  history: { key: string; value: readonly StackEntry[] };
  /** Statistics files by model, text and layer. */
  statistics: { key: string; value: Uint8Array };
}

const DATABASE = 'memit-playground';
const VERSION = 1;

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

  async #use<T>(body: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    try {
      this.#database ??= openDB<Schema>(DATABASE, VERSION, {
        upgrade: (database) => {
          database.createObjectStore('history');
          database.createObjectStore('statistics');
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
