/**
 * Models in the files that a browser gives a page for itself (the origin private file system): a folder a model, in it a folder a commit,
 * in it the hub's listing, the files, and beside each one that is whole and checked an empty mark.
 */
import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import type { FilePart, FileStore } from '../engine/sources/hub/file-store.ts';
import type { HubFile } from '../engine/sources/hub/listing.ts';
import { blobSource, type ByteSource } from '../engine/weights/byte-source.ts';
import type { KeptFiles, KeptModels, KeptRecord } from './kept-models.ts';
import { ownFolder, syncHandle, writeAt, type SyncHandle } from './opfs-files.ts';

const ROOT = 'models';
const RECORD = 'listing.json';

/** Ends of names; a file's own name, encoded, has no “+”. */
const DATA = '+data';
const WHOLE = '+whole';

const recordSchema = z.object({
  version: z.literal(1),
  endpoint: z.string(),
  keptAt: z.string(),
  listing: z.object({
    id: z.string(),
    revision: z.string(),
    commit: z.string(),
    files: z.array(
      z.object({
        path: z.string(),
        size: z.number().int().nonnegative(),
        sha256: z.string().nullable(),
        oid: z.string(),
      }),
    ),
  }),
});

export class OpfsModels implements KeptModels {
  readonly lasting = true;
  readonly #root: FileSystemDirectoryHandle;

  private constructor(root: FileSystemDirectoryHandle) {
    this.#root = root;
  }

  /** Null where the browser gives no such files. */
  static async open(): Promise<OpfsModels | null> {
    const root = await ownFolder(ROOT);
    return root ? new OpfsModels(root) : null;
  }

  list(): Promise<readonly KeptFiles[]> {
    return inStorage(async () => {
      const models: KeptFiles[] = [];
      for await (const model of this.#root.values()) {
        if (model.kind !== 'directory') continue;
        for await (const folder of model.values()) {
          const kept = folder.kind === 'directory' ? await readFolder(folder) : null;
          if (kept) models.push(kept);
        }
      }
      return models.sort((a, b) => b.keptAt.localeCompare(a.keptAt));
    });
  }

  keep(record: KeptRecord): Promise<FileStore> {
    return inStorage(async () => {
      const { id, commit } = record.listing;
      const model = await this.#root.getDirectoryHandle(encodeURIComponent(id), { create: true });
      const folder = await model.getDirectoryHandle(commit, { create: true });
      const handle = await syncHandle(folder, RECORD);
      try {
        const bytes = new TextEncoder().encode(JSON.stringify({ version: 1, ...record }));
        handle.truncate(0);
        writeAt(handle, bytes, 0);
        handle.flush();
      } finally {
        handle.close();
      }
      return new OpfsStore(folder);
    });
  }

  delete(id: string, commit: string): Promise<void> {
    return inStorage(async () => {
      const name = encodeURIComponent(id);
      const model = await this.#root.getDirectoryHandle(name);
      await model.removeEntry(commit, { recursive: true });
      const { done } = await model.keys().next();
      if (done) await this.#root.removeEntry(name);
    });
  }
}

/** What a folder of a commit holds; null where its listing cannot be read, which a later download writes anew. */
async function readFolder(folder: FileSystemDirectoryHandle): Promise<KeptFiles | null> {
  let record: KeptRecord;
  try {
    const file = await (await folder.getFileHandle(RECORD)).getFile();
    record = recordSchema.parse(JSON.parse(await file.text()));
  } catch {
    return null;
  }
  let bytes = 0;
  for await (const [name, entry] of folder.entries()) {
    if (entry.kind === 'file' && name.endsWith(DATA)) bytes += (await entry.getFile()).size;
  }
  const { listing, endpoint, keptAt } = record;
  return { listing, endpoint, keptAt, bytes, store: new OpfsStore(folder) };
}

class OpfsStore implements FileStore {
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async open({ path, size }: HubFile): Promise<ByteSource | null> {
    try {
      await this.#folder.getFileHandle(encodeURIComponent(path) + WHOLE);
      const file = await (await this.#folder.getFileHandle(encodeURIComponent(path) + DATA)).getFile();
      return file.size === size ? blobSource(path, file) : null;
    } catch {
      return null;
    }
  }

  part({ path }: HubFile): Promise<FilePart> {
    const name = encodeURIComponent(path);
    return inStorage(async () => {
      await this.#folder.removeEntry(name + WHOLE).catch(() => undefined);
      return new OpfsPart(await syncHandle(this.#folder, name + DATA), async () => {
        await this.#folder.getFileHandle(name + WHOLE, { create: true });
      });
    });
  }
}

class OpfsPart implements FilePart {
  readonly #handle: SyncHandle;
  readonly #mark: () => Promise<void>;
  #size: number;
  #open = true;

  /** @param mark notes that the file is whole */
  constructor(handle: SyncHandle, mark: () => Promise<void>) {
    this.#handle = handle;
    this.#mark = mark;
    this.#size = handle.getSize();
  }

  get size(): number {
    return this.#size;
  }

  read(start: number, end: number): Promise<Uint8Array> {
    return inStorage(async () => {
      const bytes = new Uint8Array(end - start);
      const read = this.#handle.read(bytes, { at: start });
      if (read !== bytes.length) throw new Error(`Only ${read} of ${bytes.length} bytes could be read.`);
      return bytes;
    });
  }

  append(bytes: Uint8Array): Promise<void> {
    return inStorage(async () => {
      writeAt(this.#handle, bytes, this.#size);
      this.#size += bytes.length;
    });
  }

  clear(): Promise<void> {
    return inStorage(async () => {
      this.#handle.truncate(0);
      this.#size = 0;
    });
  }

  finish(): Promise<void> {
    return inStorage(async () => {
      await this.close();
      await this.#mark();
    });
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#handle.flush();
    } finally {
      this.#handle.close();
    }
  }
}

/** @throws EngineError ('storage') in place of the browser's errors */
async function inStorage<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    const { name } = cause as DOMException;
    if (name === 'QuotaExceededError') {
      throw new EngineError('storage', 'This browser gives the page no more room for files.', {
        cause,
        kept: 'What was downloaded so far is kept.',
        next: 'Delete models that are kept, or free space on the disk; then go on.',
      });
    }
    if (name === 'NoModificationAllowedError') {
      throw new EngineError('storage', 'Another tab is writing this model’s files.', {
        cause,
        next: 'Let it finish there, or close that tab.',
      });
    }
    throw new EngineError('storage', 'This browser could not read or write its files of models.', {
      cause,
      kept: 'The open model stays as it is.',
      next: 'Free some disk space or leave private browsing, and try again.',
    });
  }
}
