/** Folders of this machine that a browser lets the page read again after a reload (File System Access; not every browser has it). */

/** What the types of pages do not know of folder handles. */
interface Permissions {
  queryPermission(options: { mode: 'read' }): Promise<PermissionState>;
  requestPermission(options: { mode: 'read' }): Promise<PermissionState>;
}

export type FolderHandle = FileSystemDirectoryHandle & Permissions;

type Picker = (options: { id: string; mode: 'read' }) => Promise<FolderHandle>;

function picker(): Picker | null {
  const { showDirectoryPicker } = window as unknown as { showDirectoryPicker?: Picker };
  return showDirectoryPicker ?? null;
}

export function canPickFolders(): boolean {
  return picker() !== null;
}

/** The folder that the user picks; null where nothing was picked. */
export async function pickFolder(): Promise<FolderHandle | null> {
  try {
    return (await picker()?.call(window, { id: 'model', mode: 'read' })) ?? null;
  } catch {
    return null;
  }
}

/** The files directly in a folder. */
export async function filesOf(folder: FileSystemDirectoryHandle): Promise<File[]> {
  const files: File[] = [];
  for await (const entry of folder.values()) if (entry.kind === 'file') files.push(await entry.getFile());
  return files;
}

export interface Dropped {
  /** The only thing dropped was this folder, which can be read again later. */
  folder: FolderHandle | null;
  /** Name of the folder, or null for files alone. */
  name: string | null;
  files: File[];
}

/** What was dropped, files of folders included. To be called at once: afterwards the browser has forgotten it. */
export async function droppedFiles(data: DataTransfer): Promise<Dropped> {
  const entries = [...data.items].filter(({ kind }) => kind === 'file').map((item) => entryOf(item));
  const dropped: Dropped = { folder: null, name: null, files: [] };
  for (const entry of await Promise.all(entries)) {
    if (entry === null) continue;
    if (entry instanceof File) {
      dropped.files.push(entry);
    } else if ('values' in entry) {
      if (entries.length === 1) dropped.folder = entry;
      dropped.name ??= entry.name;
      for (const file of await filesOf(entry)) dropped.files.push(file);
    } else {
      dropped.name ??= entry.name;
      for (const file of await filesOfEntry(entry)) dropped.files.push(file);
    }
  }
  return dropped;
}

function entryOf(item: DataTransferItem): Promise<File | FolderHandle | FileSystemDirectoryEntry | null> {
  const file = item.getAsFile();
  const entry = item.webkitGetAsEntry();
  if (!entry?.isDirectory) return Promise.resolve(file);
  const modern = item as unknown as { getAsFileSystemHandle?: () => Promise<FolderHandle | null> };
  return modern.getAsFileSystemHandle?.() ?? Promise.resolve(entry as FileSystemDirectoryEntry);
}

async function filesOfEntry(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const files: File[] = [];
  for (;;) {
    // Given in portions; an empty one is the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    for (const entry of some) {
      if (!entry.isFile) continue;
      files.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    }
  }
}
