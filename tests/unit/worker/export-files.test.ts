/** Large exports in the browser's own files: whole, or nothing of them; small ones and browsers without such files as blobs. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import type { FileParts } from '../../../src/engine/weights/safetensors-writer.ts';
import { exportedBlob, forgetOldExports } from '../../../src/worker/export-files.ts';

interface StoredFile {
  bytes: number[];
  lastModified: number;
  open: boolean;
}

const LARGE = 10;
let files: Map<string, StoredFile>;
/** Bytes that the disk takes at most. */
let room: number;

function handleOf(name: string) {
  return {
    kind: 'file',
    name,
    getFile: () => {
      const { bytes, lastModified } = files.get(name)!;
      return Promise.resolve(new File([Uint8Array.from(bytes)], name, { lastModified }));
    },
    createSyncAccessHandle: () => {
      const file = files.get(name)!;
      file.open = true;
      return Promise.resolve({
        getSize: () => file.bytes.length,
        write: (buffer: Uint8Array, { at }: { at: number }) => {
          const taken = Math.max(0, Math.min(buffer.length, room - at));
          for (let i = 0; i < taken; i += 1) file.bytes[at + i] = buffer[i];
          return taken;
        },
        truncate: (size: number) => {
          file.bytes.length = size;
        },
        flush: () => undefined,
        close: () => {
          file.open = false;
        },
      });
    },
  };
}

const folder = {
  getDirectoryHandle: () => Promise.resolve(folder),
  getFileHandle: (name: string) => {
    if (!files.has(name)) files.set(name, { bytes: [], lastModified: Date.now(), open: false });
    return Promise.resolve(handleOf(name));
  },
  removeEntry: (name: string) => {
    if (files.get(name)?.open) return Promise.reject(new DOMException('', 'NoModificationAllowedError'));
    files.delete(name);
    return Promise.resolve();
  },
  values: async function* () {
    for (const name of [...files.keys()]) yield await Promise.resolve(handleOf(name));
  },
};

function partsOf(chunks: readonly number[][], stop = Infinity): FileParts {
  return {
    size: chunks.flat().length,
    stream: async function* (signal) {
      for (const [i, chunk] of chunks.entries()) {
        if (signal?.aborted || i === stop) throw new CancelledError();
        yield await Promise.resolve(Uint8Array.from(chunk));
      }
    },
  };
}

beforeEach(() => {
  files = new Map();
  room = Infinity;
  vi.stubGlobal('navigator', { storage: { getDirectory: () => Promise.resolve(folder) } });
  vi.stubGlobal('FileSystemFileHandle', { prototype: { createSyncAccessHandle: () => undefined } });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const bytesOf = async (blob: Blob): Promise<number[]> => [...new Uint8Array(await blob.arrayBuffer())];
const chunks = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10, 11]];

it('a large export is a file of the browser, whole and closed', async () => {
  expect(await bytesOf(await exportedBlob(partsOf(chunks), undefined, LARGE))).toEqual(chunks.flat());
  expect([...files.values()].map(({ open, bytes }) => [open, bytes.length])).toEqual([[false, 11]]);
});

it('a small one, and one of a browser without files, is a blob', async () => {
  expect(await bytesOf(await exportedBlob(partsOf(chunks), undefined, 12))).toEqual(chunks.flat());
  vi.stubGlobal('navigator', { storage: { getDirectory: () => Promise.reject(new Error('private')) } });
  expect(await bytesOf(await exportedBlob(partsOf(chunks), undefined, LARGE))).toEqual(chunks.flat());
  expect(files.size).toBe(0);
});

it('without room it fails with what to do, cancelled as such, and leaves nothing', async () => {
  room = 6;
  const failure = exportedBlob(partsOf(chunks), undefined, LARGE);
  await expect(failure).rejects.toMatchObject({ code: 'storage', next: expect.stringMatching(/^Free 1 GB/) as string });
  await expect(exportedBlob(partsOf(chunks, 2), undefined, LARGE)).rejects.toBeInstanceOf(CancelledError);
  expect(files.size).toBe(0);
});

it('what earlier visits exported goes, what may still be downloaded stays', async () => {
  files.set('old', { bytes: [1], lastModified: Date.now() - 24 * 3_600_000, open: false });
  files.set('new', { bytes: [1], lastModified: Date.now() - 60_000, open: false });
  await forgetOldExports();
  expect([...files.keys()]).toEqual(['new']);
});
