import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileSource, folderSource } from '../../../src/cli/folder-source.ts';
import { CancelledError } from '../../../src/engine/errors.ts';
import {
  MissingFileError,
  optionalText,
  readText,
  type ByteProgress,
} from '../../../src/engine/sources/model-source.ts';
import { blobSource, memorySource, type ByteSource } from '../../../src/engine/weights/byte-source.ts';
import { failure, payload } from './support.ts';

describe('sources', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'memit-files-'));
    await writeFile(join(directory, 'w.bin'), payload.subarray(0, 100));
    await writeFile(join(directory, 'config.json'), '{"a": 1}');
  });
  afterAll(() => rm(directory, { recursive: true }));

  const kinds: [string, () => Promise<ByteSource>][] = [
    ['memory', () => Promise.resolve(memorySource('w.bin', payload.subarray(0, 100)))],
    ['blob', () => Promise.resolve(blobSource('w.bin', new Blob([payload.slice(0, 100)])))],
    ['file', () => fileSource(join(directory, 'w.bin'))],
  ];

  it.each(kinds)('of kind %s read exact ranges and refuse others', async (_, make) => {
    const source = await make();
    expect([source.name, source.size]).toEqual(['w.bin', 100]);
    expect([...(await source.read(3, 9))]).toEqual([...payload.subarray(3, 9)]);
    expect((await source.read(100, 100)).length).toBe(0);
    for (const [start, end] of [
      [-1, 5],
      [5, 4],
      [90, 101],
      [0.5, 2],
    ]) {
      expect((await failure(source.read(start, end))).message).toMatch(/“w.bin”/);
    }
    await expect(source.read(0, 1, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  it('report a file that became shorter or unreadable', async () => {
    const path = join(directory, 'shrinks.bin');
    await writeFile(path, payload.subarray(0, 50));
    const source = await fileSource(path);
    await truncate(path, 20);
    expect((await failure(source.read(10, 40))).message).toMatch(/“shrinks.bin” could not be read/);
    const broken = Object.assign(new Blob(['abc']), {
      slice: () => ({ arrayBuffer: () => Promise.reject(new Error()) }),
    });
    expect((await failure(blobSource('b', broken as Blob).read(0, 2))).code).toBe('download');
  });

  it('are opened from a folder', async () => {
    const files = folderSource(directory);
    expect([files.id, files.revision]).toEqual([directory, null]);
    const seen: ByteProgress[] = [];
    expect(directory.endsWith(files.name)).toBe(true);
    expect((await files.open('w.bin', (progress) => seen.push(progress))).size).toBe(100);
    expect(seen).toEqual([{ file: 'w.bin', loaded: 100, total: 100 }]);
    expect(await readText(files, 'config.json')).toBe('{"a": 1}');
    expect(await optionalText(files, 'config.json')).toBe('{"a": 1}');
    expect(await optionalText(files, 'facts.json')).toBe(null);
    expect((await failure(readText(files, 'facts.json'))).message).toMatch(/facts\.json/);
    expect((await failure(files.open('.'))).code).toBe('download');
    expect(await failure(files.open('w.bin/x'))).toBeInstanceOf(MissingFileError);
  });

  it('are listed: the files of the folder and links to files, with their sizes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'memit-list-'));
    try {
      await mkdir(join(folder, 'onnx'));
      await writeFile(join(folder, 'onnx', 'model.onnx'), 'x');
      await writeFile(join(folder, 'merges.txt'), 'abc');
      await symlink(join(directory, 'config.json'), join(folder, 'config.json'));
      await symlink(join(directory, 'gone'), join(folder, 'tokenizer.json'));
      expect(await folderSource(folder).list()).toEqual([
        { path: 'config.json', size: 8, sha256: null },
        { path: 'merges.txt', size: 3, sha256: null },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
    expect((await failure(folderSource(folder).list())).code).toBe('download');
    await expect(folderSource(directory).list(AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });
});
