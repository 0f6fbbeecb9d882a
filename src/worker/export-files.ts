/**
 * Exports as blobs that can be downloaded. Large ones lie in the browser's own files: Chromium gives blobs of more than a few gigabytes up without
 * a word until they are read.
 */
import { EngineError } from '../engine/errors.ts';
import { toBlob, type FileParts } from '../engine/weights/safetensors-writer.ts';
import { ownFolder, syncHandle, writeAt } from './opfs-files.ts';

const FOLDER = 'exports';
const LARGE_BYTES = 512 * 2 ** 20;
/** A download reads its file as it goes; by then it has ended. */
const KEPT_MS = 6 * 3_600_000;

/**
 * @param large bytes from which a file is written before it is handed out
 * @throws EngineError ('storage') where the browser has no room for it; CancelledError. Nothing is left behind then.
 */
export async function exportedBlob(parts: FileParts, signal?: AbortSignal, large = LARGE_BYTES): Promise<Blob> {
  const folder = parts.size < large ? null : await ownFolder(FOLDER);
  if (!folder) return toBlob(parts, signal);
  await removeOld(folder);
  const name = crypto.randomUUID();
  const handle = await syncHandle(folder, name);
  let written = 0;
  try {
    for await (const chunk of parts.stream(signal)) {
      writeAt(handle, chunk, written);
      written += chunk.byteLength;
    }
    handle.flush();
  } catch (error) {
    handle.close();
    await folder.removeEntry(name).catch(() => undefined);
    if ((error as DOMException).name !== 'QuotaExceededError') throw error;
    throw new EngineError('storage', 'This browser has no room for the file.', {
      cause: error,
      kept: 'The patches and the model are as they were.',
      next: `Free ${Math.ceil(parts.size / 1e9)} GB for this page, or take the patch or the changed tensors alone.`,
    });
  }
  handle.close();
  return (await folder.getFileHandle(name)).getFile();
}

/** Gives back the room of exports of earlier visits. */
export async function forgetOldExports(): Promise<void> {
  const folder = await ownFolder(FOLDER);
  if (folder) await removeOld(folder);
}

async function removeOld(folder: FileSystemDirectoryHandle): Promise<void> {
  for await (const entry of folder.values()) {
    if (entry.kind !== 'file') continue;
    const { lastModified } = await entry.getFile();
    // One that another tab writes cannot be removed, and need not be.
    if (Date.now() - lastModified > KEPT_MS) await folder.removeEntry(entry.name).catch(() => undefined);
  }
}
