/** The file that keeps a tuning's results: what it gives back, and what it makes of a file that is not its own. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TuningFile } from '../../../src/cli/tunings.ts';
import type { TileTable } from '../../../src/engine/linalg/webgpu/tiles.ts';

const TILES: TileTable = { small: '32×32', medium: '64×64', large: '128×128, 8×8', skinny: 'lanes' };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunings-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('gives back what was kept for a GPU, and nothing for another', async () => {
  const path = join(folder, 'new', 'tiles.json');
  await new TuningFile(path).saveTiles('one', TILES);
  await new TuningFile(path).saveTiles('two', { ...TILES, small: '64×64' });
  const later = new TuningFile(path);
  expect(await later.loadTiles('one')).toEqual(TILES);
  expect(await later.loadTiles('two')).toEqual({ ...TILES, small: '64×64' });
  expect(await later.loadTiles('three')).toBeNull();
});

it.each([
  ['no JSON', '{"one": '],
  ['no object', '[1, 2]'],
  ['tiles that are not known', JSON.stringify({ one: { ...TILES, large: '4096×1' } })],
])('takes %s for nothing kept, and writes anew', async (_, text) => {
  const path = join(folder, 'tiles.json');
  await writeFile(path, text);
  const file = new TuningFile(path);
  expect(await file.loadTiles('one')).toBeNull();
  await file.saveTiles('one', TILES);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ one: TILES });
});

it('goes on where nothing can be written', async () => {
  const blocked = join(folder, 'file');
  await writeFile(blocked, '');
  const file = new TuningFile(join(blocked, 'tiles.json'));
  await file.saveTiles('one', TILES);
  expect(await file.loadTiles('one')).toBeNull();
});
