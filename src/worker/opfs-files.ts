/** The browser's own files (origin private file system) as workers write them: at once, and one writer a file. */

/** Of files of workers, which the types of pages do not know. */
export interface SyncHandle {
  getSize(): number;
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

/** A folder of the page's own files; null where the browser gives none: in private windows of some, and on pages without HTTPS. */
export async function ownFolder(name: string): Promise<FileSystemDirectoryHandle | null> {
  try {
    const top = await navigator.storage.getDirectory();
    const folder = await top.getDirectoryHandle(name, { create: true });
    return 'createSyncAccessHandle' in FileSystemFileHandle.prototype ? folder : null;
  } catch {
    return null;
  }
}

export async function syncHandle(folder: FileSystemDirectoryHandle, name: string): Promise<SyncHandle> {
  const file = (await folder.getFileHandle(name, { create: true })) as FileSystemFileHandle & {
    createSyncAccessHandle(): Promise<SyncHandle>;
  };
  return file.createSyncAccessHandle();
}

/** A full disk may take a part of the bytes: they count as not written. @throws DOMException QuotaExceededError */
export function writeAt(handle: SyncHandle, bytes: Uint8Array, at: number): void {
  const written = handle.write(bytes, { at });
  if (written === bytes.length) return;
  handle.truncate(at);
  throw new DOMException(`Only ${written} of ${bytes.length} bytes could be written.`, 'QuotaExceededError');
}
