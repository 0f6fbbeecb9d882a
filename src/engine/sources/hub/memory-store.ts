/** Keeps downloaded files as Blobs, for as long as the program runs: where a browser gives a page no files of its own. */
import { blobSource, type ByteSource } from '../../weights/byte-source.ts';
import type { FilePart, FileStore } from './file-store.ts';
import type { HubFile } from './listing.ts';

export class MemoryStore implements FileStore {
  readonly #files = new Map<string, Blob>();
  readonly #parts = new Map<string, Blob>();

  /** Of finished files and others. */
  get bytes(): number {
    return [...this.#files.values(), ...this.#parts.values()].reduce((sum, { size }) => sum + size, 0);
  }

  open({ path }: HubFile): Promise<ByteSource | null> {
    const blob = this.#files.get(path);
    return Promise.resolve(blob ? blobSource(path, blob) : null);
  }

  part({ path }: HubFile): Promise<FilePart> {
    let blob = this.#parts.get(path) ?? new Blob();
    const keep = (next: Blob): Promise<void> => {
      blob = next;
      this.#parts.set(path, next);
      return Promise.resolve();
    };
    return Promise.resolve({
      get size() {
        return blob.size;
      },
      read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
      // A Blob of Blobs: the browser may keep them on disk. The copy is for chunks in shared memory.
      append: (bytes) => keep(new Blob([blob, bytes.slice()])),
      clear: () => keep(new Blob()),
      finish: () => {
        this.#files.set(path, blob);
        this.#parts.delete(path);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  }
}
