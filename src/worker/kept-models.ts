/** The models that this browser keeps: each at a commit, with the hub's listing of it. */
import type { FileStore } from '../engine/sources/hub/file-store.ts';
import type { HubName } from '../engine/sources/hub/hub-name.ts';
import type { HubListing } from '../engine/sources/hub/listing.ts';
import { MemoryStore } from '../engine/sources/hub/memory-store.ts';

/** What is noted beside the files. */
export interface KeptRecord {
  readonly listing: HubListing;
  readonly endpoint: string;
  /** ISO date. */
  readonly keptAt: string;
}

export interface KeptFiles extends KeptRecord {
  readonly store: FileStore;
  /** Bytes that lie there, of finished files and others. */
  readonly bytes: number;
}

/** All methods throw EngineError ('storage') where the browser's storage fails. */
export interface KeptModels {
  /** Whether they outlive the visit. */
  readonly lasting: boolean;
  /** Last asked for first. */
  list(): Promise<readonly KeptFiles[]>;
  /** Makes a place for a model's files, or finds the one that is there. */
  keep(record: KeptRecord): Promise<FileStore>;
  delete(id: string, commit: string): Promise<void>;
}

/** What is kept of a model at a commit, or of the revision as it was last. */
export async function findKept(models: KeptModels, { id, revision }: HubName): Promise<KeptFiles | null> {
  const all = await models.list();
  const of = all.filter(({ listing }) => listing.id === id);
  return of.find(({ listing }) => listing.commit === revision || listing.revision === revision) ?? null;
}

/** For browsers that give a page no files of its own: until the worker ends. */
export class VisitModels implements KeptModels {
  readonly lasting = false;
  readonly #models = new Map<string, KeptRecord & { store: MemoryStore }>();

  list(): Promise<readonly KeptFiles[]> {
    const models = [...this.#models.values()].map(({ listing, endpoint, keptAt, store }) => {
      return { listing, endpoint, keptAt, store, bytes: store.bytes };
    });
    return Promise.resolve(models.reverse());
  }

  keep(record: KeptRecord): Promise<FileStore> {
    const { id, commit } = record.listing;
    const key = `${id}@${commit}`;
    const store = this.#models.get(key)?.store ?? new MemoryStore();
    this.#models.delete(key); // to the end of the order
    this.#models.set(key, { ...record, store });
    return Promise.resolve(store);
  }

  delete(id: string, commit: string): Promise<void> {
    this.#models.delete(`${id}@${commit}`);
    return Promise.resolve();
  }
}
