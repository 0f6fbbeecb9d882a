/**
 * The cache of Hugging Face's own programs, which this one shares: what either has downloaded, both find. Of every repository
 * `models--owner--name` there are `blobs` (the files, by checksum), `snapshots` (by commit, links to blobs under the files' names) and `refs`
 * (which commit a branch or tag was last). (huggingface_hub: “Understand caching”.)
 */
import {
  copyFile,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { EngineError } from '../../engine/errors.ts';
import type { FilePart, FileStore } from '../../engine/sources/hub/file-store.ts';
import { isCommit, type HubName } from '../../engine/sources/hub/hub-name.ts';
import type { HubFile, HubListing } from '../../engine/sources/hub/listing.ts';
import type { ByteSource } from '../../engine/weights/byte-source.ts';
import { fileSource } from '../folder-source.ts';

export class HubCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The commit that a revision was when it was last asked for; null where nothing of it is here. */
  async commitOf({ id, revision }: HubName): Promise<string | null> {
    const text = isCommit(revision) ? revision : await readFile(this.#ref({ id, revision }), 'utf8').catch(() => '');
    const commit = text.trim();
    if (!isCommit(commit)) return null;
    const folder = await stat(this.snapshot(id, commit)).catch(() => null);
    return folder?.isDirectory() ? commit : null;
  }

  /** The folder of a model's files at a commit. */
  snapshot(id: string, commit: string): string {
    return join(this.#repository(id), 'snapshots', commit);
  }

  /** Notes which commit the listing's revision is. @throws EngineError ('storage') */
  async note(listing: HubListing): Promise<void> {
    const { id, revision, commit } = listing;
    if (isCommit(revision)) return;
    const path = this.#ref(listing);
    await intoCache(this.#repository(id), async () => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, commit);
    });
  }

  store({ id, commit }: HubListing): FileStore {
    return new SnapshotStore(join(this.#repository(id), 'blobs'), this.snapshot(id, commit));
  }

  #ref({ id, revision }: HubName): string {
    return join(this.#repository(id), 'refs', ...revision.split('/'));
  }

  #repository(id: string): string {
    return join(this.#folder, `models--${id.split('/').join('--')}`);
  }
}

/** The files of one commit. A blob of another commit, or of another program, is taken as it is: its name is its checksum. */
class SnapshotStore implements FileStore {
  readonly #blobs: string;
  readonly #snapshot: string;

  constructor(blobs: string, snapshot: string) {
    this.#blobs = blobs;
    this.#snapshot = snapshot;
  }

  async open(file: HubFile): Promise<ByteSource | null> {
    const link = this.#link(file);
    if (!(await hasSize(link, file.size))) {
      if (!(await hasSize(this.#blob(file), file.size))) return null;
      await intoCache(this.#snapshot, () => place(this.#blob(file), link));
    }
    return fileSource(link);
  }

  async part(file: HubFile): Promise<FilePart> {
    const blob = this.#blob(file);
    const path = `${blob}.incomplete`;
    const handle = await intoCache(this.#blobs, async () => {
      await mkdir(this.#blobs, { recursive: true });
      return open(path, 'a+');
    });
    const { size } = await handle.stat();
    return new BlobPart(handle, size, async () => {
      await rename(path, blob);
      await place(blob, this.#link(file));
    });
  }

  #blob({ sha256, oid }: HubFile): string {
    return join(this.#blobs, sha256 ?? oid);
  }

  #link({ path }: HubFile): string {
    return join(this.#snapshot, ...path.split('/'));
  }
}

class BlobPart implements FilePart {
  readonly #handle: FileHandle;
  readonly #place: () => Promise<void>;
  #size: number;
  #open = true;

  /** @param place puts the whole file where it belongs */
  constructor(handle: FileHandle, size: number, place: () => Promise<void>) {
    this.#handle = handle;
    this.#size = size;
    this.#place = place;
  }

  get size(): number {
    return this.#size;
  }

  read(start: number, end: number): Promise<Uint8Array> {
    return intoCache('', async () => {
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) throw new Error(`The file ends at byte ${start + filled}.`);
        filled += bytesRead;
      }
      return bytes;
    });
  }

  append(bytes: Uint8Array): Promise<void> {
    return intoCache('', async () => {
      for (let written = 0; written < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written);
        written += bytesWritten;
        this.#size += bytesWritten;
      }
    });
  }

  clear(): Promise<void> {
    return intoCache('', async () => {
      await this.#handle.truncate(0);
      this.#size = 0;
    });
  }

  finish(): Promise<void> {
    return intoCache('', async () => {
      await this.#handle.datasync();
      await this.close();
      await this.#place();
    });
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

async function hasSize(path: string, size: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && info.isFile() && info.size === size;
}

/** Puts a blob under its file's name: as a link, or as a copy where the system has no links for this user. */
async function place(blob: string, link: string): Promise<void> {
  await mkdir(dirname(link), { recursive: true });
  // A link to nothing, or a file of another length, may lie there.
  await rm(link, { force: true });
  try {
    await symlink(relative(dirname(link), blob), link);
  } catch {
    await copyFile(blob, link);
  }
}

/** @throws EngineError ('storage') in place of the system's errors */
async function intoCache<T>(where: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    const place = where === '' ? '' : ` (${where})`;
    throw new EngineError(
      'storage',
      full ? 'There is no room left on the disk for the model.' : `The cache of models${place} cannot be written.`,
      {
        cause,
        kept: 'What was downloaded so far stays in the cache.',
        next: full ? 'Free some space and run the command again.' : 'Choose another folder with HF_HUB_CACHE.',
      },
    );
  }
}
