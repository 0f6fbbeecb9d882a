/** The tuning on a real device: it ends, what it finds is of use, and it leaves nothing behind. */
import { expect, it } from 'vitest';
import { WebGpuLinearAlgebra } from '../../src/engine/linalg/webgpu.ts';
import { type TileName, tileFits, TILES, type TileTable } from '../../src/engine/linalg/webgpu/tiles.ts';
import { tileTableSchema, tuningKey, type TuningStore } from '../../src/engine/linalg/webgpu/tuning.ts';
import { readFloats } from '../../src/engine/runtime/device.ts';
import { adapterInfo, isSoftware } from '../../src/engine/runtime/gpu.ts';
import { gaussian, product } from '../unit/linalg/plain.ts';
import { relativeError } from '../unit/compare.ts';
import { gpuSuite, shaderSource } from './suite.ts';

const suite = gpuSuite();

function tileNames({ small, medium, large }: TileTable): TileName[] {
  return [small, medium, large];
}

it('finds tiles that the device supports, and products stay right with them', async () => {
  const table = await suite.linalg.tune();
  expect(tileTableSchema.parse(structuredClone(table))).toEqual(table);
  for (const name of tileNames(table)) expect(tileFits(TILES[name], suite.device.gpu)).toBe(true);
  expect(suite.device.liveBuffers).toBe(0);
  const [a, b] = [gaussian(1)(70 * 90), gaussian(2)(90 * 50)];
  const c = suite.track(
    await suite.linalg.matmul(
      suite.track(suite.device.upload(a, [70, 90])),
      suite.track(suite.device.upload(b, [90, 50])),
    ),
  );
  expect(relativeError(await readFloats(suite.device, c), product(a, b, [70, 50, 90]))).toBeLessThan(1e-5);
});

it('passes over tiles that the driver refuses', async () => {
  const { gpu } = suite.device;
  const create = gpu.createComputePipelineAsync.bind(gpu);
  gpu.createComputePipelineAsync = (descriptor) => {
    const { TILE_M: m = 0 } = descriptor.compute.constants ?? {};
    return m > 32 ? Promise.reject(new Error('too many registers')) : create(descriptor);
  };
  try {
    const linalg = await WebGpuLinearAlgebra.create(suite.device, shaderSource);
    for (const name of tileNames(await linalg.tune())) expect(TILES[name].m).toBe(32);
  } finally {
    gpu.createComputePipelineAsync = create;
  }
  expect(suite.device.liveBuffers).toBe(0);
});

it('passes over tiles that compute something else', async () => {
  const wrong = async (file: string): Promise<string> => {
    const text = await shaderSource(file);
    // The second block of columns, which only tiles of 8 columns a thread have, is taken from the first.
    return file === 'matmul.wgsl'
      ? text.replace('add_outer(sums.s01, left0, right1)', 'add_outer(sums.s01, left0, right0)')
      : text;
  };
  const linalg = await WebGpuLinearAlgebra.create(suite.device, wrong);
  const narrow = Object.entries(TILES).flatMap(([name, { threadN }]) => (threadN === 4 ? [name] : []));
  for (const name of tileNames(await linalg.tune())) expect(narrow).toContain(name);
  expect(suite.device.liveBuffers).toBe(0);
});

it('uses the tiles that were kept, and tunes no driver that runs on the CPU', async () => {
  const kept: TileTable = { small: '64×64', medium: '32×32', large: '64×64', skinny: 'direct' };
  const saved: TileTable[] = [];
  const storeOf = (tiles: TileTable | null): TuningStore => ({
    loadTiles: () => Promise.resolve(tiles),
    saveTiles: (_, found) => Promise.resolve(void saved.push(found)),
  });
  const known = await WebGpuLinearAlgebra.createTuned(suite.device, shaderSource, storeOf(kept));
  expect(known.productDevice.tiles).toEqual(kept);
  expect(saved).toEqual([]);
  const unknown = await WebGpuLinearAlgebra.createTuned(suite.device, shaderSource, storeOf(null));
  expect(saved).toEqual(isSoftware(adapterInfo(suite.device.gpu)) ? [] : [unknown.productDevice.tiles]);
});

it('keeps what it finds under a name that tells adapters apart', () => {
  const info = adapterInfo(suite.device.gpu);
  expect(tuningKey(info)).toContain(info.vendor);
  expect(tuningKey(Object.assign({}, info, { architecture: 'another' }))).not.toBe(tuningKey(info));
});
