/** The page's IndexedDB database: what it holds, its versions, and opening it. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { EngineError } from '../engine/errors.ts';
import type { KeptAnswers } from '../engine/knowledge/answers.ts';
import type { TileTable } from '../engine/linalg/webgpu/tiles.ts';

interface Schema extends DBSchema {
  /** Before version 4: whole stacks by model hash, in a form of their own. Read once, then moved to the two below. */
  history: { key: string; value: unknown };
  // What is read of these two is checked (history-storage.ts).
  /** Order, names and switches of a model's patches, by model hash. */
  stacks: { key: string; value: unknown };
  /** Patch files by model hash and the patch's id. */
  patches: { key: [modelHash: string, patchId: string]; value: unknown };
  /** Statistics files by model, text and layer. */
  statistics: { key: string; value: Uint8Array };
  /** The last causal trace averaged over known facts, by model hash. */
  traces: { key: string; value: unknown };
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
    let opened = false;
    try {
      this.#database ??= this.#open();
      const database = await this.#database;
      opened = true;
      return await body(database);
    } catch (cause) {
      // What failed to open is tried anew the next time.
      if (!opened || !(cause instanceof EngineError)) this.#database = null;
      if (cause instanceof EngineError) throw cause;
      throw new EngineError('storage', 'This browser could not read or write its storage (IndexedDB).', {
        cause,
        kept: 'What was done is in effect in this tab, but would be gone after a reload.',
        next: 'Free some disk space or leave private browsing; download the patch file to keep it.',
      });
    }
  }

  /** @throws EngineError ('storage') where an older page in another tab keeps the database from being upgraded: it would be waited for without end */
  async #open(): Promise<Database> {
    let refuse: (error: EngineError) => void = () => undefined;
    const blocked = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    const opening = openDB<Schema>(NAME, VERSION, {
      blocked: () => {
        refuse(
          new EngineError('storage', 'An older version of this page is open in another tab and holds its storage.', {
            kept: 'What is stored stays as it is; what is done here is in effect in this tab only.',
            next: 'Close the other tabs of this page, then reload this one.',
          }),
        );
        // Whenever it comes, nobody waits for it any more.
        opening.then((late) => late.close()).catch(() => undefined);
      },
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
    return Promise.race([opening, blocked]);
  }
}
