/** The page's IndexedDB database: what it holds, its versions, and opening it. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { EngineError } from '../engine/errors.ts';
import type { KeptAnswers } from '../engine/knowledge/answers.ts';
import type { TileTable } from '../engine/linalg/webgpu/tiles.ts';
import type { AverageTraceView } from './trace-api.ts';

/** A patch of a stack; its file lies in `patches`. */
export interface StoredEntry {
  id: string;
  name: string;
  enabled: boolean;
}

/** A model's patch stack, oldest patch first. */
export interface StoredStack {
  /** Of this form. */
  version: 1;
  entries: StoredEntry[];
  /** Whose files could not be read when the stack was last loaded; kept, not shown. */
  aside: StoredEntry[];
}

interface Schema extends DBSchema {
  /** Before version 4: whole stacks by model hash, in a form of their own. Read once, then moved to the two below. */
  history: { key: string; value: unknown };
  /** By model hash. */
  stacks: { key: string; value: StoredStack };
  /** Patch files by model hash and the patch's id. */
  patches: { key: [modelHash: string, patchId: string]; value: Uint8Array };
  /** Statistics files by model, text and layer. */
  statistics: { key: string; value: Uint8Array };
  /** The last causal trace averaged over known facts, by model hash. */
  traces: { key: string; value: AverageTraceView };
  /** Which facts that ship a model knows, by model hash. */
  answers: { key: string; value: KeptAnswers };
  /** The tiles of matrix products that were found fastest, by adapter. */
  tiles: { key: string; value: TileTable };
}

export type Database = IDBPDatabase<Schema>;

const NAME = 'memit-playground';
const VERSION = 5;

/** Opened when it is first used, and anew after a failure or when a newer page in another tab wanted to upgrade it. */
export class BrowserDatabase {
  #database: Promise<Database> | null = null;

  /** @throws EngineError ('storage') */
  async use<T>(body: (database: Database) => Promise<T>): Promise<T> {
    try {
      this.#database ??= this.#open();
      return await body(await this.#database);
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      this.#database = null;
      throw new EngineError('storage', 'This browser could not read or write its storage (IndexedDB).', {
        cause,
        kept: 'What was done is in effect in this tab, but would be gone after a reload.',
        next: 'Free some disk space or leave private browsing; download the patch file to keep it.',
      });
    }
  }

  #open(): Promise<Database> {
    return openDB<Schema>(NAME, VERSION, {
      upgrade: (database, oldVersion) => {
        if (oldVersion < 1) {
          database.createObjectStore('history');
          database.createObjectStore('statistics');
        }
        if (oldVersion < 2) database.createObjectStore('traces');
        if (oldVersion < 3) database.createObjectStore('tiles');
        if (oldVersion < 4) {
          database.createObjectStore('stacks');
          database.createObjectStore('patches');
        }
        if (oldVersion < 5) database.createObjectStore('answers');
      },
      // A newer page in another tab must be able to upgrade; this one opens the database anew when it needs it.
      blocking: (_current, _blocked, event) => {
        (event.target as IDBDatabase).close();
        this.#database = null;
      },
    });
  }
}
