/** Which model was open, so that a reload opens it again. Storage may be blocked or hold anything: never an error. */
import { openDB, type IDBPDatabase } from 'idb';
import type { FolderHandle } from '../shared/file-access.ts';

export type LastModel =
  | { kind: 'demo' }
  | { kind: 'kept'; id: string; commit: string }
  /** A folder whose handle is kept, or files that have to be picked anew. */
  | { kind: 'folder' | 'files'; name: string };

const KEY = 'memit.model';
const ENDPOINT_KEY = 'memit.hub';

export function readLastModel(): LastModel | null {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Record<string, unknown>> | null;
    const { kind, id, commit, name } = kept ?? {};
    if (kind === 'demo') return { kind };
    if (kind === 'kept' && typeof id === 'string' && typeof commit === 'string') return { kind, id, commit };
    if ((kind === 'folder' || kind === 'files') && typeof name === 'string') return { kind, name };
    return null;
  } catch {
    return null;
  }
}

export function writeLastModel(model: LastModel): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(model));
  } catch {
    // Then the next visit begins with the demo model.
  }
}

/** The hub's address as it was last set; null for the usual one. */
export function readEndpoint(): string | null {
  try {
    return localStorage.getItem(ENDPOINT_KEY);
  } catch {
    return null;
  }
}

export function writeEndpoint(endpoint: string | null): void {
  try {
    if (endpoint === null) localStorage.removeItem(ENDPOINT_KEY);
    else localStorage.setItem(ENDPOINT_KEY, endpoint);
  } catch {
    // It holds for this visit.
  }
}

/** Handles cannot be written as text: they have a database of the page's own. */
function database(): Promise<IDBPDatabase> {
  return openDB('memit-playground-page', 1, {
    upgrade: (db) => {
      db.createObjectStore('handles');
    },
  });
}

export async function readFolder(): Promise<FolderHandle | null> {
  try {
    return ((await (await database()).get('handles', 'model')) as FolderHandle | undefined) ?? null;
  } catch {
    return null;
  }
}

/** @returns whether it is kept */
export async function writeFolder(folder: FolderHandle): Promise<boolean> {
  try {
    await (await database()).put('handles', folder, 'model');
    return true;
  } catch {
    return false;
  }
}
