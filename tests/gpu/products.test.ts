/** Matrix products tile by tile and in every way they are cut up, against double precision, on memory full of NaN. */
import { beforeEach, describe, expect, it } from 'vitest';
import { KernelRunner } from '../../src/engine/linalg/webgpu/kernel-runner.ts';
import { block, type Matrix, matrixOf } from '../../src/engine/linalg/webgpu/matrix.ts';
import {
  piecesOf,
  piecewiseProductSteps,
  type Product,
  type ProductDevice,
  productSteps,
} from '../../src/engine/linalg/webgpu/products.ts';
import {
  onlyTile,
  type SkinnyKernel,
  type Tile,
  tileFits,
  type TileName,
  TILES,
} from '../../src/engine/linalg/webgpu/tiles.ts';
import { readFloats } from '../../src/engine/runtime/device.ts';
import { decodeFloats, encodeFloats } from '../../src/engine/weights/dtype.ts';
import { gaussian, product, type Values } from '../unit/linalg/plain.ts';
import { relativeError } from '../unit/compare.ts';
import { gpuSuite, shaderSource } from './suite.ts';

const suite = gpuSuite();
const TOLERANCE = 1e-5;
const ORIENTATIONS = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => ({ transposeA, transposeB })),
);

function withTile(name: TileName, options: Partial<ProductDevice> = {}): ProductDevice {
  return { tiles: onlyTile(name), bindingBytes: 2 ** 27, subgroups: false, ...options };
}

function upload(values: Float32Array, rows: number, columns: number): Matrix {
  return matrixOf(suite.track(suite.device.upload(values, [rows, columns])));
}

function empty(rows: number, columns: number): Matrix {
  return matrixOf(suite.track(suite.device.allocate([rows, columns])));
}

let runner: KernelRunner | null = null;

async function run(device: ProductDevice, work: Product): Promise<Float32Array> {
  runner ??= new KernelRunner(suite.device, shaderSource);
  const { pieces, length } = piecesOf(device, work);
  const { rows, columns } = work.c;
  const partial = suite.track(suite.device.allocate([pieces, rows, columns]));
  const steps = pieces > 1 ? piecewiseProductSteps(device, work, partial, length) : productSteps(device, work);
  await runner.run(steps, 'product');
  return readFloats(suite.device, work.c.tensor);
}

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** The product, [m · n]. */
  readonly expected: (transposeA: boolean, transposeB: boolean) => Float64Array;
}

function operands(m: number, n: number, k: number): Operands {
  const sample = gaussian(m * 10_000 + n * 100 + k);
  const [a, b] = [sample(m * k), sample(k * n)];
  return { a, b, expected: (transposeA, transposeB) => product(a, b, [m, n, k], transposeA, transposeB) };
}

/** Every orientation of [m, k] × [k, n], overwriting and adding. */
async function checkAll(device: ProductDevice, [m, n, k]: readonly [number, number, number]): Promise<void> {
  const { a, b, expected } = operands(m, n, k);
  for (const { transposeA, transposeB } of ORIENTATIONS) {
    const common = {
      a: transposeA ? upload(a, k, m) : upload(a, m, k),
      b: transposeB ? upload(b, n, k) : upload(b, k, n),
      transposeA,
      transposeB,
    };
    const plain = await run(device, { ...common, c: empty(m, n) });
    expect(relativeError(plain, expected(transposeA, transposeB))).toBeLessThan(TOLERANCE);
    const start = gaussian(7)(m * n);
    const sum = await run(device, { ...common, c: upload(start, m, n), alpha: -0.5, accumulate: true });
    const exact = expected(transposeA, transposeB).map((value, i) => start[i] - 0.5 * value);
    expect(relativeError(sum, exact)).toBeLessThan(TOLERANCE);
  }
}

/** A browser compiles the same kernels: each is tried there with some of the shapes. */
const inBrowser = typeof document !== 'undefined';

describe.each(Object.entries(TILES) as [TileName, Tile][])('the tile %s', (name, tile) => {
  beforeEach(({ skip }) => skip(!tileFits(tile, suite.device.gpu)));

  for (const [what, shape] of [
    ['one tile and one more', [tile.m + 1, tile.n + 1, tile.k + 1]],
    ['one less than two', [2 * tile.m - 1, tile.n - 1, 2 * tile.k - 1]],
    ['vectors, exactly', [tile.m, 2 * tile.n, 2 * tile.k]],
    ['vectors, off the tile', [tile.m + 4, tile.n - 4, tile.k + 12]],
    ['tall', [3 * tile.m + 5, 17, 9]],
    ['wide', [19, 2 * tile.n + 3, 3]],
  ].filter((_, i) => !inBrowser || i % 3 === 0) as [string, [number, number, number]][]) {
    it(`multiplies ${what}: ${shape.join(' × ')}`, () => checkAll(withTile(name), shape));
  }

  it('gives the same whatever was in workgroup memory before', async () => {
    const device = withTile(name);
    const [m, n, k] = [tile.m + 4, tile.n + 4, tile.k + 4];
    const { a, b } = operands(m, n, k);
    const work = (): Product => ({ a: upload(a, m, k), b: upload(b, k, n), c: empty(m, n) });
    const first = await run(device, work());
    const other = gaussian(99)(m * k).map((value) => 1e30 * value);
    await run(device, { ...work(), a: upload(other, m, k) });
    expect(await run(device, work())).toEqual(first);
  });

  if (tile.m !== tile.n) return;
  for (const size of inBrowser ? [tile.m + 8] : [5, tile.m - 4, tile.m + 8, 2 * tile.m + 3]) {
    it(`leaves out what is above the diagonal, or mirrors it, at a size of ${size}`, async () => {
      const k = tile.k + 3;
      const x = gaussian(size)(size * k);
      const start = gaussian(1)(size * size).map((_, at, all) => {
        const [row, column] = [Math.floor(at / size), at % size];
        return all[Math.max(row, column) * size + Math.min(row, column)];
      });
      const exact = product(x, x, [size, size, k], false, true).map((value, at) => start[at] + value);
      const work = (): Product => ({
        a: upload(x, size, k),
        b: upload(x, size, k),
        c: upload(start, size, size),
        transposeB: true,
        accumulate: true,
      });
      const both = await run(withTile(name), { ...work(), symmetric: 'both' });
      expect(relativeError(both, exact)).toBeLessThan(TOLERANCE);
      expect(both.map((_, at) => both[(at % size) * size + Math.floor(at / size)])).toEqual(both);
      const lower = await run(withTile(name), { ...work(), symmetric: 'lower' });
      lower.forEach((value, at) => {
        const [row, column] = [Math.floor(at / size), at % size];
        const above = Math.floor(column / tile.n) > Math.floor(row / tile.m);
        expect(value).toBe(above ? start[at] : both[at]);
      });
    });
  }
});

describe('few columns or rows', () => {
  for (const [how, skinny, subgroups] of [
    ['', 'lanes', false],
    [', with subgroups', 'lanes', true],
    [', with narrow tiles', 'direct', false],
  ] as const satisfies [string, SkinnyKernel, boolean][]) {
    for (const shape of [
      [1, 1, 1],
      [130, 1, 33],
      [33, 3, 300],
      [1, 129, 31],
      [200, 4, 64],
      [31, 5, 8],
      [8, 257, 70],
      [520, 7, 20],
      [4, 260, 12],
      [129, 16, 257],
      [16, 16, 1000],
      [13, 40, 2],
    ].filter((_, i) => !inBrowser || i % 3 === 2) as [number, number, number][]) {
      it(`${shape.join(' × ')}${how}`, async ({ skip }) => {
        if (subgroups && !suite.device.gpu.features.has('subgroups')) skip();
        await checkAll(withTile('32×32', { tiles: onlyTile('32×32', skinny), subgroups }), shape);
      });
    }
  }
});

it('cuts a product with few tiles and a long k into pieces, and adds them up', async () => {
  const shape = [40, 36, 1029] as const;
  const [m, n, k] = shape;
  const device = withTile('32×32');
  const work = { a: empty(m, k), b: empty(k, n), c: empty(m, n) };
  expect(piecesOf(device, work)).toEqual({ pieces: 4, length: 256 });
  await checkAll(device, shape);
});

it.each([
  ['a and c', [300, 20, 40]],
  ['b', [20, 300, 40]],
  ['a and b', [70, 90, 300]],
  ['a, b and c', [150, 170, 190]],
] as const)('splits %s where a binding is too small', async (_, shape) => {
  // 64 rows of 190 fit, more do not.
  await checkAll(withTile('32×32', { bindingBytes: 64 * 190 * 4 }), shape);
});

it.each(['lower', 'both'] as const)(
  'splits a symmetric product where a binding is too small: %s',
  async (symmetric) => {
    const [size, k] = [200, 20];
    const x = gaussian(2)(size * k);
    const exact = product(x, x, [size, size, k], true);
    const c = upload(new Float32Array(size * size).fill(1), size, size);
    const device = withTile('64×64, 8×8', { bindingBytes: 64 * size * 4 });
    const found = await run(device, { a: upload(x, k, size), b: upload(x, k, size), c, transposeA: true, symmetric });
    const kept = (value: number, at: number): number =>
      symmetric === 'both' || at % size <= Math.floor(at / size) ? value : 0;
    expect(relativeError(found.map(kept), exact.map(kept))).toBeLessThan(TOLERANCE);
    if (symmetric === 'both') {
      expect(
        relativeError(
          found.map((__, at) => found[(at % size) * size + Math.floor(at / size)]),
          found,
        ),
      ).toBeLessThan(1e-6);
    }
  },
);

it('works on blocks of larger matrices and writes nothing beside them', async () => {
  const [rows, columns, m, n, k] = [192, 200, 70, 36, 52];
  const sample = gaussian(3);
  const [a, b] = [sample(rows * columns), sample(rows * columns)];
  const c = sample(rows * columns);
  const target = upload(c, rows, columns);
  const inside = (values: Values, row: number, column: number, height: number, width: number): Float32Array =>
    Float32Array.from({ length: height * width }, (_, at) => {
      return values[(row + Math.floor(at / width)) * columns + column + (at % width)];
    });
  const found = await run(withTile('32×32'), {
    a: block(upload(a, rows, columns), 64, 128, m, k),
    b: block(upload(b, rows, columns), 128, 64, k, n),
    c: block(target, 64, 64, m, n),
  });
  const exact = product(inside(a, 64, 128, m, k), inside(b, 128, 64, k, n), [m, n, k]);
  expect(relativeError(inside(found, 64, 64, m, n), exact)).toBeLessThan(TOLERANCE);
  found.forEach((value, at) => {
    const [row, column] = [Math.floor(at / columns) - 64, (at % columns) - 64];
    if (row < 0 || row >= m || column < 0 || column >= n) expect(value).toBe(c[at]);
  });
});

describe('operands of float16', () => {
  const halves = (values: Float32Array, rows: number, columns: number): Matrix => {
    const bytes = encodeFloats(values, 'F16');
    const words = new Int32Array(Math.ceil(values.length / 2));
    new Uint8Array(words.buffer).set(bytes);
    const tensor = suite.track(suite.device.upload(words, [words.length]));
    return { tensor, offset: 0, rows, columns, stride: columns, half: true };
  };
  const rounded = (values: Float32Array): Float32Array => {
    const result = new Float32Array(values.length);
    decodeFloats(encodeFloats(values, 'F16'), 'F16', result);
    return result;
  };

  for (const [m, n, k] of [
    [65, 33, 31],
    [68, 40, 36],
    [70, 3, 65],
  ] as const) {
    it(`gives the float32 product of the rounded operands: ${m} × ${n} × ${k}`, async ({ skip }) => {
      if (!suite.device.gpu.features.has('shader-f16')) skip();
      const sample = gaussian(m);
      const [a, b] = [sample(m * k), sample(k * n)];
      const work = { a: halves(a, m, k), b: halves(b, n, k), c: empty(m, n), transposeB: true };
      const found = await run(withTile('32×32'), work);
      expect(relativeError(found, product(rounded(a), rounded(b), [m, n, k], false, true))).toBeLessThan(TOLERANCE);
    });
  }
});
