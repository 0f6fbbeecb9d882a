/** Finds the tiles that are fastest on an adapter, by trying them. */
import { z } from 'zod';
import { seededRandom } from '../../random.ts';
import { type GpuDevice, readFloats } from '../../runtime/device.ts';
import { scoped } from '../../runtime/scope.ts';
import type { Tensor } from '../../runtime/tensor.ts';
import type { Dispatch, KernelRunner } from './kernel-runner.ts';
import { matrixOf } from './matrix.ts';
import { type ProductDevice, productSteps } from './products.ts';
import {
  onlyTile,
  PLAINEST_TILES,
  SHAPE_CLASSES,
  type ShapeClass,
  type SkinnyKernel,
  tileFits,
  type TileName,
  TILES,
  type TileTable,
} from './tiles.ts';

/** Part of the key that results are kept under: a change of the kernels or of the tiles makes earlier ones worthless. */
const VERSION = 4;
/** How often every tile is timed, in turn with the others; its best time counts, since what disturbs a GPU only ever slows it down. */
const ROUNDS = 4;
/** Between two tiles' results; sums of thousands of products below ¼ keep four digits more. */
const LARGEST_DIFFERENCE = 1e-2;
/** Products are submitted several at once, so that submitting does not count: as many as take this long, up to a limit. */
const SUBMISSION_MS = 10;
const MOST_PRODUCTS = 32;
/** A class one of whose products would take longer gets the tile of the class below, untimed. */
const LONGEST_PRODUCT_MS = 100;
/** What is timed of the products with few columns. */
const SKINNY_SHAPE = { rows: 2048, columns: 8 };
const SKINNY_KERNELS: readonly SkinnyKernel[] = ['lanes', 'direct'];

const tileName = z.enum(Object.keys(TILES) as [TileName, ...TileName[]]);
/** What {@link tuneTiles} found, as it is kept. */
export const tileTableSchema = z.object({
  small: tileName,
  medium: tileName,
  large: tileName,
  skinny: z.enum(['lanes', 'direct']),
});

/** Keeps which tiles of matrix products are fastest on a GPU. */
export interface TuningStore {
  loadTiles(key: string): Promise<TileTable | null>;
  saveTiles(key: string, tiles: TileTable): Promise<void>;
}

/** What the result of a tuning is kept under: it holds for this adapter and these kernels. */
export function tuningKey({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  return [VERSION, vendor, architecture, device, description].join('/');
}

/** The fastest tile of each class of shapes; takes a second or two on a GPU. */
export async function tuneTiles(device: GpuDevice, runner: KernelRunner, products: ProductDevice): Promise<TileTable> {
  const names = (Object.keys(TILES) as TileName[]).filter((name) => tileFits(TILES[name], device.gpu));
  const table = { ...PLAINEST_TILES };
  let last: { tile: TileName; milliseconds: number; side: number } | null = null;
  for (const shape of Object.keys(SHAPE_CLASSES) as ShapeClass[]) {
    const { side } = SHAPE_CLASSES[shape];
    if (!last || last.milliseconds * (side / last.side) ** 3 < LONGEST_PRODUCT_MS) {
      const [tile, milliseconds] = await fastest(device, runner, names, { rows: side, columns: side }, (name) => ({
        ...products,
        tiles: onlyTile(name),
      }));
      last = { tile, milliseconds, side };
    }
    table[shape] = last.tile;
  }
  [table.skinny] = await fastest(device, runner, SKINNY_KERNELS, SKINNY_SHAPE, (skinny) => ({
    ...products,
    tiles: { ...table, skinny },
  }));
  return table;
}

/** Which of the names computes a product of [rows, rows] × [rows, columns] in the least time, and how many milliseconds. */
function fastest<N extends string>(
  device: GpuDevice,
  runner: KernelRunner,
  names: readonly N[],
  { rows, columns }: { readonly rows: number; readonly columns: number },
  productsWith: (name: N) => ProductDevice,
): Promise<[N, number]> {
  return scoped(async (scope) => {
    const random = seededRandom(rows);
    const values = Float32Array.from({ length: rows * rows }, () => random() - 0.5);
    const operand = (width: number): Tensor =>
      scope.track(device.upload(values.subarray(0, rows * width), [rows, width], 'tuning operand'));
    const result = scope.track(device.allocate([rows, columns], 'float32', 'tuning result'));
    const product = { a: matrixOf(operand(rows)), b: matrixOf(operand(columns)), c: matrixOf(result) };
    /** Milliseconds of one product among `count` in a row. */
    const time = async (name: N, count: number): Promise<number> => {
      const [step] = productSteps(productsWith(name), product);
      const start = performance.now();
      await runner.run(Array<Dispatch>(count).fill(step), 'tuning');
      await device.gpu.queue.onSubmittedWorkDone();
      return (performance.now() - start) / count;
    };
    const times = {} as Record<N, number>;
    let expected: Float32Array | null = null;
    for (const name of names) {
      try {
        clear(device, result);
        // Compiles.
        await time(name, 1);
        const found = await readFloats(device, result);
        expected ??= found;
        times[name] = agree(found, expected) ? await time(name, 1) : Infinity;
      } catch {
        // A tile that this driver refuses is none for this GPU; there are others.
        times[name] = Infinity;
      }
    }
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const name of names.filter((candidate) => Number.isFinite(times[candidate]))) {
        const count = Math.min(MOST_PRODUCTS, Math.max(1, Math.round(SUBMISSION_MS / times[name])));
        times[name] = Math.min(times[name], await time(name, count));
      }
    }
    const best = names.reduce((known, name) => (times[name] < times[known] ? name : known));
    return [best, times[best]];
  });
}

function clear({ gpu }: GpuDevice, { buffer }: Tensor): void {
  const encoder = gpu.createCommandEncoder({ label: 'tuning' });
  encoder.clearBuffer(buffer);
  gpu.queue.submit([encoder.finish()]);
}

/** Whether two products of elements below ½ differ by rounding only: a driver may number quads otherwise, or compile a tile wrongly. */
function agree(found: Float32Array, expected: Float32Array): boolean {
  return found.every((value, i) => Math.abs(value - expected[i]) < LARGEST_DIFFERENCE);
}
