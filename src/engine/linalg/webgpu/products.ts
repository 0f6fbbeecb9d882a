/**
 * Matrix products as dispatches: which kernel and which tile, in how many pieces. Every product of the GPU path comes through here,
 * those inside the factorisations as well.
 */
import type { Tensor } from '../../runtime/tensor.ts';
import { ALIGNMENT, type Dispatch, dispatch } from './kernel-runner.ts';
import * as kernels from './kernels.ts';
import { block, hasVectors, type Matrix, middleOf, sliceOf } from './matrix.ts';
import { skinnyTile, type Tile, type TileTable, tileFor } from './tiles.ts';

export interface ProductOptions {
  /** Use Aᵀ: `a` is stored [k, m]. */
  readonly transposeA?: boolean;
  /** Use Bᵀ: `b` is stored [n, k]. */
  readonly transposeB?: boolean;
  /** Factor on the product; 1 when absent. */
  readonly alpha?: number;
  /** Add to C instead of overwriting it. */
  readonly accumulate?: boolean;
  /**
   * C is symmetric: `lower` computes the tiles on and below the diagonal and leaves those above as they were, `both` writes them from
   * their mirror images.
   */
  readonly symmetric?: 'lower' | 'both';
}

export interface Product extends ProductOptions {
  /** Both of float32 or both of float16 (needs shader-f16); sums are float32. */
  readonly a: Matrix;
  readonly b: Matrix;
  /** Must not be in the buffer of an operand. */
  readonly c: Matrix;
}

/** What the choice of kernels depends on. */
export interface ProductDevice {
  readonly tiles: TileTable;
  /** Bytes that one binding may hold. */
  readonly bindingBytes: number;
  /** Subgroup operations may be used: every subgroup has at most 32 invocations. */
  readonly subgroups: boolean;
}

/** A product whose C has this few rows or columns has its own kernel or tiles. */
const SKINNY = 16;
/** A product is cut along k when there are fewer tiles than this and every piece stays at least so long. */
const FEW_TILES = 32;
const SHORTEST_PIECE = 256;

/** The dispatches of C = alpha · op(A) · op(B), split where a matrix is larger than one binding. */
export function productSteps(device: ProductDevice, product: Product): Dispatch[] {
  const parts = halves(device, product);
  if (parts) return parts.flatMap((part) => productSteps(device, part));
  const { m, n } = sizesOf(product);
  if (!product.symmetric && Math.min(m, n) <= SKINNY) {
    return [device.tiles.skinny === 'lanes' ? skinnyProduct(device, product) : tiledProduct(product, skinnyTile(m, n))];
  }
  return [tiledProduct(product, tileFor(device.tiles, m, n, product.symmetric !== undefined))];
}

/**
 * In how many pieces a product of few tiles and long k is computed before they are added up: [pieces, length of each], whose
 * product is at most k. One piece where that brings nothing.
 */
export function piecesOf(device: ProductDevice, product: Product): { pieces: number; length: number } {
  const { m, n, k } = sizesOf(product);
  const tile = tileFor(device.tiles, m, n, false);
  const tiles = Math.ceil(m / tile.m) * Math.ceil(n / tile.n);
  const pieces = Math.min(Math.floor(k / SHORTEST_PIECE), Math.floor(FEW_TILES / tiles));
  if (pieces < 2 || Math.min(m, n) <= SKINNY || halves(device, product)) return { pieces: 1, length: k };
  return { pieces, length: Math.floor(k / pieces / ALIGNMENT) * ALIGNMENT };
}

/** The dispatches of a product in {@link piecesOf} along k, which are computed side by side into `partial` [pieces, m, n] and added up. */
export function piecewiseProductSteps(
  device: ProductDevice,
  product: Product,
  partial: Tensor,
  length: number,
): Dispatch[] {
  const { a, b, c, transposeA = false, transposeB = false, alpha = 1, accumulate = false } = product;
  const { m, n, k } = sizesOf(product);
  const [pieces] = partial.dims;
  const tile = tileFor(device.tiles, m, n, false);
  const c0: Matrix = { tensor: partial, offset: 0, rows: m, columns: n, stride: n };
  const piece = (from: number, depth: number): Product => ({
    a: transposeA ? block(a, from, 0, depth, m) : block(a, 0, from, m, depth),
    b: transposeB ? block(b, 0, from, n, depth) : block(b, from, 0, depth, n),
    c: c0,
    transposeA,
    transposeB,
  });
  const steps = [
    tiledProduct(piece(0, length), tile, {
      count: pieces,
      a: transposeA ? length * a.stride : length,
      b: transposeB ? length : length * b.stride,
      c: m * n,
    }),
  ];
  const done = pieces * length;
  if (done < k) steps.push(tiledProduct({ ...piece(done, k - done), accumulate: true }, tile));
  steps.push(
    dispatch({
      kernel: kernels.sumSlices,
      values: { size: pieces * m * n, columns: m * n, alpha, beta: Number(accumulate) },
      tensors: [partial, sliceOf(c)],
      workgroups: kernels.workgroupsFor(m * n),
    }),
  );
  return steps;
}

function sizesOf({ a, b, transposeA, transposeB }: Product): { m: number; n: number; k: number } {
  const [m, k] = transposeA ? [a.columns, a.rows] : [a.rows, a.columns];
  return { m, n: transposeB ? b.rows : b.columns, k };
}

/** The product as several smaller ones where a matrix does not fit one binding; null where every one does. */
function halves(device: ProductDevice, product: Product): Product[] | null {
  const { a, b, c, transposeA = false, transposeB = false, symmetric } = product;
  const { m, n, k } = sizesOf(product);
  const large = (matrix: Matrix): boolean =>
    4 * sliceOf(matrix).length > device.bindingBytes && matrix.rows > ALIGNMENT;
  const rowsOf = (from: number, to: number): Matrix =>
    transposeA ? block(a, 0, from, k, to - from) : block(a, from, 0, to - from, k);
  const columnsOf = (from: number, to: number): Matrix =>
    transposeB ? block(b, from, 0, to - from, k) : block(b, 0, from, k, to - from);
  const depthOf = (from: number, to: number): Pick<Product, 'a' | 'b'> => ({
    a: transposeA ? block(a, from, 0, to - from, m) : block(a, 0, from, m, to - from),
    b: transposeB ? block(b, 0, from, n, to - from) : block(b, from, 0, to - from, n),
  });

  if (large(c) || (!transposeA && large(a))) {
    const middle = middleOf(m);
    if (!symmetric) {
      return [
        { ...product, a: rowsOf(0, middle), c: block(c, 0, 0, middle, n) },
        { ...product, a: rowsOf(middle, m), c: block(c, middle, 0, m - middle, n) },
      ];
    }
    const full: Product = { ...product, symmetric: undefined };
    const below = {
      ...full,
      a: rowsOf(middle, m),
      b: columnsOf(0, middle),
      c: block(c, middle, 0, m - middle, middle),
    };
    const above = {
      ...full,
      a: rowsOf(0, middle),
      b: columnsOf(middle, m),
      c: block(c, 0, middle, middle, m - middle),
    };
    return [
      { ...product, a: rowsOf(0, middle), b: columnsOf(0, middle), c: block(c, 0, 0, middle, middle) },
      below,
      ...(symmetric === 'both' ? [above] : []),
      {
        ...product,
        a: rowsOf(middle, m),
        b: columnsOf(middle, m),
        c: block(c, middle, middle, m - middle, m - middle),
      },
    ];
  }
  if (transposeB && large(b) && !symmetric) {
    const middle = middleOf(n);
    return [
      { ...product, b: columnsOf(0, middle), c: block(c, 0, 0, m, middle) },
      { ...product, b: columnsOf(middle, n), c: block(c, 0, middle, m, n - middle) },
    ];
  }
  if (large(a) || large(b)) {
    const middle = middleOf(k);
    return [
      { ...product, ...depthOf(0, middle) },
      { ...product, ...depthOf(middle, k), accumulate: true },
    ];
  }
  return null;
}

/** Several products of the same shape; elements from the matrices of one to those of the next. */
export interface Batch {
  readonly count: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const SINGLE: Batch = { count: 1, a: 0, b: 0, c: 0 };

/** The dispatch of a batch of small products, given the first of them; every matrix of the batch must fit one binding. */
export function batchedProduct(device: ProductDevice, product: Product, batch: Batch): Dispatch {
  const { m, n } = sizesOf(product);
  return tiledProduct(product, tileFor(device.tiles, m, n, false), batch);
}

function tiledProduct(product: Product, tile: Tile, batch: Batch = SINGLE): Dispatch {
  const { a, b, c, transposeA, transposeB, alpha = 1, accumulate, symmetric } = product;
  const { m, n, k } = sizesOf(product);
  const kernel = kernels.matmul(tile, [a, b, c].every(hasVectors));
  return dispatch({
    kernel: a.half ? kernels.withHalves(kernel) : kernel,
    constants: {
      TRANSPOSE_A: Number(transposeA ?? false),
      TRANSPOSE_B: Number(transposeB ?? false),
      LOWER: Number(symmetric !== undefined),
      MIRROR: Number(symmetric === 'both'),
      TILE_M: tile.m,
      TILE_N: tile.n,
      TILE_K: tile.k,
      WIDE_M: Number(tile.threadM === 8),
      WIDE_N: Number(tile.threadN === 8),
    },
    values: {
      m,
      n,
      k,
      strideA: a.stride,
      strideB: b.stride,
      strideC: c.stride,
      batchA: batch.a,
      batchB: batch.b,
      batchC: batch.c,
      alpha,
      accumulate: Number(accumulate ?? false),
    },
    tensors: [sliceOf(a, batch.count, batch.a), sliceOf(b, batch.count, batch.b), sliceOf(c, batch.count, batch.c)],
    workgroups: batch.count * Math.ceil(m / tile.m) * Math.ceil(n / tile.n),
  });
}

/** A product with few rows is computed as its transpose, Cᵀ = op(B)ᵀ · op(A)ᵀ, which has few columns. */
function skinnyProduct(device: ProductDevice, product: Product): Dispatch {
  const { a, b, c, transposeA = false, transposeB = false, alpha = 1, accumulate = false } = product;
  const { m, n, k } = sizesOf(product);
  const exchanged = n > SKINNY;
  const [tall, few] = exchanged ? [b, a] : [a, b];
  const [rows, columns] = exchanged ? [n, m] : [m, n];
  // Whether k runs along the rows of the operand in memory.
  const tallAlongRows = exchanged ? transposeB : !transposeA;
  const fewAlongRows = exchanged ? !transposeA : transposeB;
  const alongRows = device.subgroups ? kernels.skinnyRowsSubgroups : kernels.skinnyRows;
  const kernel = tallAlongRows ? alongRows : kernels.skinnyColumns;
  return dispatch({
    kernel: a.half ? kernels.withHalves(kernel) : kernel,
    constants: { VECTORS: columns <= 4 ? 1 : columns <= 8 ? 2 : 4 },
    values: {
      m: rows,
      n: columns,
      k,
      strideA: tall.stride,
      stepBK: fewAlongRows ? 1 : few.stride,
      stepBN: fewAlongRows ? few.stride : 1,
      stepCM: exchanged ? 1 : c.stride,
      stepCN: exchanged ? c.stride : 1,
      alpha,
      accumulate: Number(accumulate),
    },
    tensors: [sliceOf(tall), sliceOf(few), sliceOf(c)],
    workgroups: Math.ceil(rows / (tallAlongRows ? kernels.SKINNY_ROWS : kernels.SKINNY_COLUMNS)),
  });
}
