/** The shapes of matmul.wgsl's tiles and which of them serves a product: a table of defaults, or what an adapter's tuning found. */

export interface Tile {
  /** Elements of C that a workgroup computes, and the depth of what it stages in workgroup memory. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Rows and columns of C that a thread computes: 4 or 8. */
  readonly threadM: 4 | 8;
  readonly threadN: 4 | 8;
  /** Quads of a subgroup share what they read of A: needs the feature `subgroups`. */
  readonly quads?: boolean;
  /** Nothing is staged in workgroup memory: threads read what they multiply from memory and its caches. */
  readonly direct?: boolean;
}

/**
 * Small to large, then those for GPUs on which quads or caches are faster than workgroup memory. A thread loads one block of 4 × 4 of the
 * operands at a step, so their tiles must not hold more blocks than a workgroup has threads.
 */
export const TILES = {
  '32×32': { m: 32, n: 32, k: 16, threadM: 4, threadN: 4 },
  '64×64': { m: 64, n: 64, k: 16, threadM: 4, threadN: 4 },
  '64×64, 8×8': { m: 64, n: 64, k: 8, threadM: 8, threadN: 8 },
  '128×64, 8×8': { m: 128, n: 64, k: 8, threadM: 8, threadN: 8 },
  '128×128, 8×8': { m: 128, n: 128, k: 8, threadM: 8, threadN: 8 },
  '128×128, 8×8, deep': { m: 128, n: 128, k: 16, threadM: 8, threadN: 8 },
  '256×128, 8×8, deep': { m: 256, n: 128, k: 16, threadM: 8, threadN: 8 },
  '64×64, 8×8, quads': { m: 64, n: 64, k: 8, threadM: 8, threadN: 8, quads: true },
  '128×128, 8×8, quads': { m: 128, n: 128, k: 8, threadM: 8, threadN: 8, quads: true },
  '32×32, direct': { m: 32, n: 32, k: 4, threadM: 4, threadN: 4, direct: true },
  '64×64, 8×8, direct': { m: 64, n: 64, k: 4, threadM: 8, threadN: 8, direct: true },
} as const satisfies Record<string, Tile>;

export type TileName = keyof typeof TILES;

/**
 * Products by the number of elements of C: below 2^16 there are too few tiles to fill a GPU, above 2^20 the largest tiles
 * do. The tuning measures one product of each class.
 */
export const SHAPE_CLASSES = {
  small: { below: 2 ** 16, side: 192 },
  medium: { below: 2 ** 20, side: 768 },
  large: { below: Infinity, side: 2048 },
} as const;

export type ShapeClass = keyof typeof SHAPE_CLASSES;

/**
 * What computes a C with few rows or columns: skinny.wgsl, in which many threads share a row, or narrow direct tiles, in which a thread
 * computes whole rows.
 */
export type SkinnyKernel = 'lanes' | 'direct';

export type TileTable = Readonly<Record<ShapeClass, TileName> & { skinny: SkinnyKernel }>;

/** One tile for products of every class. */
export function onlyTile(name: TileName, skinny: SkinnyKernel = 'lanes'): TileTable {
  return { small: name, medium: name, large: name, skinny };
}

/** Where nothing was measured: what fills most GPUs. */
export const DEFAULT_TILES: TileTable = {
  small: '32×32',
  medium: '64×64, 8×8',
  large: '128×128, 8×8',
  skinny: 'lanes',
};

/** What every device can do (64 threads and no workgroup memory), and the best for drivers that run on the CPU. */
export const PLAINEST_TILES: TileTable = {
  small: '32×32, direct',
  medium: '64×64, 8×8, direct',
  large: '64×64, 8×8, direct',
  skinny: 'direct',
};

export function threadsOf(tile: Tile): number {
  return (tile.m / tile.threadM) * (tile.n / tile.threadN);
}

/** Two buffers of both operands' tiles, in bytes. */
function workgroupBytes(tile: Tile): number {
  if (tile.direct) return 0;
  return 2 * 4 * tile.k * (tile.m + tile.n);
}

/** Whether a device's limits and features allow for the tile. */
export function tileFits(tile: Tile, { limits, features }: Pick<GPUDevice, 'limits' | 'features'>): boolean {
  return (
    (!tile.quads || features.has('subgroups')) &&
    workgroupBytes(tile) <= limits.maxComputeWorkgroupStorageSize &&
    threadsOf(tile) <= Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX)
  );
}

/** The table, with tiles that are beyond a device replaced by ones that no device lacks. */
export function supportedTiles(table: TileTable, device: Pick<GPUDevice, 'limits' | 'features'>): TileTable {
  const supported = (name: ShapeClass): TileName =>
    tileFits(TILES[table[name]], device) ? table[name] : PLAINEST_TILES[name];
  return { ...table, small: supported('small'), medium: supported('medium'), large: supported('large') };
}

export function shapeClass(m: number, n: number): ShapeClass {
  const elements = m * n;
  if (elements < SHAPE_CLASSES.small.below) return 'small';
  return elements < SHAPE_CLASSES.medium.below ? 'medium' : 'large';
}

/** The tile of a product; `square` for those that leave out what is above the diagonal. */
export function tileFor(table: TileTable, m: number, n: number, square: boolean): Tile {
  const tile: Tile = TILES[table[shapeClass(m, n)]];
  return square && tile.m !== tile.n ? TILES['64×64, 8×8'] : tile;
}

/** The direct tile of a product with at most 16 rows or columns, 64 threads long. */
export function skinnyTile(m: number, n: number): Tile {
  const few = Math.min(m, n);
  const [long, short] = few <= 4 ? [256, 4] : few <= 8 ? [512, 8] : [256, 16];
  const thread = few <= 4 ? 4 : 8;
  const [tileM, tileN] = n <= m ? [long, short] : [short, long];
  return { m: tileM, n: tileN, k: 4, threadM: thread, threadN: thread, direct: true };
}
