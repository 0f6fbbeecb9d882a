/** Targets of edits in the browser's own files, so that a closed tab loses none; in memory where the browser gives the page no files. */
import { tooMany, type TargetStore } from '../engine/targets/kept-targets.ts';
import { ownFolder, syncHandle, writeAt, type SyncHandle } from './opfs-files.ts';

const FOLDER = 'targets';

export async function openTargetStore(): Promise<TargetStore> {
  const folder = await ownFolder(FOLDER);
  return folder ? new OpfsTargets(folder) : new VisitTargets();
}

class OpfsTargets implements TargetStore {
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async read(name: string): Promise<Uint8Array | null> {
    try {
      const file = await (await this.#folder.getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      if ((error as DOMException).name === 'NotFoundError') return null;
      throw error;
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#change(name, (handle) => {
      handle.truncate(0);
      writeAt(handle, bytes, 0);
    });
    for (const old of tooMany(await this.#files())) await this.#folder.removeEntry(old.name);
  }

  append(name: string, bytes: Uint8Array): Promise<void> {
    return this.#change(name, (handle) => writeAt(handle, bytes, handle.getSize()));
  }

  /** Only while it is written: another tab may want it. */
  async #change(name: string, change: (handle: SyncHandle) => void): Promise<void> {
    const handle = await syncHandle(this.#folder, name);
    try {
      change(handle);
      handle.flush();
    } finally {
      handle.close();
    }
  }

  async #files(): Promise<{ name: string; bytes: number; writtenAt: number }[]> {
    const files: { name: string; bytes: number; writtenAt: number }[] = [];
    for await (const entry of this.#folder.values()) {
      if (entry.kind !== 'file') continue;
      const { name, size, lastModified } = await entry.getFile();
      files.push({ name, bytes: size, writtenAt: lastModified });
    }
    return files;
  }
}

/** Until the worker ends. */
class VisitTargets implements TargetStore {
  readonly #files = new Map<string, Uint8Array[]>();

  async read(name: string): Promise<Uint8Array | null> {
    const pieces = this.#files.get(name);
    return pieces ? new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()) : null;
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    this.#files.set(name, [bytes.slice()]);
    return Promise.resolve();
  }

  append(name: string, bytes: Uint8Array): Promise<void> {
    this.#files.get(name)?.push(bytes.slice());
    return Promise.resolve();
  }
}
