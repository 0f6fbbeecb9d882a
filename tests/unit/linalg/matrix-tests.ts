/** Tests of products, factorisations and solves, for any implementation. */
import { describe, expect, it } from 'vitest';
import { GraphError, NotPositiveDefiniteError } from '../../../src/engine/errors.ts';
import { relativeError } from '../compare.ts';
import { conditioned, factorOf, gaussian, product, regularizedSolution, triangularSolution } from './plain.ts';
import { type Implementation, type Tolerances, workspace } from './workspace.ts';

/** 1, primes, just below, on and just above the tiles of 16, 32 and 64, tall and wide, with a long k: [m, n, k]. */
const PRODUCT_SHAPES = [
  [1, 1, 1],
  [1, 7, 5],
  [3, 1, 15],
  [13, 17, 19],
  [64, 64, 16],
  [63, 65, 17],
  [129, 2, 31],
  [2, 130, 64],
  [5, 4, 301],
  [21, 34, 531],
] as const;

/** Around the blocks of 64 and the panels of 256. */
const FACTOR_SIZES = [1, 2, 31, 63, 64, 65, 97, 130, 256, 257, 325];

/** Products, factorisations and solves. */
export function testMatrices(open: () => Promise<Implementation>, tolerance: Tolerances): void {
  const work = workspace(open);
  const { matrix, values } = work;

  describe('matmul', () => {
    for (const [m, n, k] of PRODUCT_SHAPES) {
      it(`multiplies [${m}, ${k}] × [${k}, ${n}] in every orientation`, async () => {
        const sample = gaussian(m * 1000 + n * 10 + k);
        const a = sample(m * k);
        const b = sample(k * n);
        for (const transposeA of [false, true]) {
          for (const transposeB of [false, true]) {
            const left = transposeA ? matrix(a, k, m) : matrix(a, m, k);
            const right = transposeB ? matrix(b, n, k) : matrix(b, k, n);
            const result = await work.linalg.matmul(left, right, { transposeA, transposeB });
            expect(result.dims).toEqual([m, n]);
            const expected = product(a, b, [m, n, k], transposeA, transposeB);
            expect(relativeError(await values(result), expected)).toBeLessThan(tolerance.direct);
          }
        }
      });
    }

    it('scales, and adds to a tensor in place', async () => {
      const [m, n, k] = [67, 35, 18];
      const sample = gaussian(5);
      const [a, b, c] = [sample(m * k), sample(k * n), sample(m * n)];
      const into = matrix(c, m, n);
      const options = { alpha: -0.75, accumulateInto: into };
      expect(await work.linalg.matmul(matrix(a, m, k), matrix(b, k, n), options)).toBe(into);
      const expected = product(a, b, [m, n, k]).map((value, at) => c[at] - 0.75 * value);
      expect(relativeError(await values(into), expected)).toBeLessThan(tolerance.direct);
      const scaled = await work.linalg.matmul(matrix(a, m, k), matrix(b, k, n), { alpha: 3 });
      expect(
        relativeError(
          await values(scaled),
          product(a, b, [m, n, k]).map((value) => 3 * value),
        ),
      ).toBeLessThan(tolerance.direct);
    });

    it('refuses operands that do not fit, naming the shapes', async () => {
      const sample = gaussian(6);
      const a = matrix(sample(6), 2, 3);
      await expect(work.linalg.matmul(a, a)).rejects.toThrow('matmul: [2, 3] × [2, 3] do not fit');
      const square = matrix(sample(9), 3, 3);
      await expect(work.linalg.matmul(a, square, { accumulateInto: square })).rejects.toThrow(GraphError);
      await expect(work.linalg.matmul(square, square, { accumulateInto: square })).rejects.toThrow('also an operand');
    });
  });

  describe('addGram', () => {
    for (const [count, size] of [
      [1, 1],
      [5, 3],
      [1, 64],
      [17, 65],
      [130, 67],
      [2, 130],
    ]) {
      it(`adds XᵀX for X [${count}, ${size}], symmetric to the last bit`, async () => {
        const sample = gaussian(count * 1000 + size);
        const x = sample(count * size);
        const start = conditioned(size, 10, size);
        const c = matrix(start, size, size);
        await work.linalg.addGram(c, matrix(x, count, size));
        const expected = product(x, x, [size, size, count], true).map((value, at) => value + start[at]);
        const sum = await values(c);
        expect(relativeError(sum, expected)).toBeLessThan(tolerance.direct);
        const mirrored = sum.map((_, at) => sum[(at % size) * size + Math.floor(at / size)]);
        expect(mirrored).toEqual(sum);
      });
    }
  });

  describe('cholesky', () => {
    for (const size of FACTOR_SIZES) {
      it(`factors a matrix of ${size}`, async () => {
        const a = conditioned(size, 50, 77 + size);
        const l = await values(await work.linalg.cholesky(matrix(a, size, size)));
        expect(relativeError(l, factorOf(a, size))).toBeLessThan(tolerance.direct);
        const above = l.filter((_, at) => at % size > Math.floor(at / size));
        expect(above.every((value) => value === 0)).toBe(true);
      });
    }

    const size = 270;
    const spoiled = (change: (a: Float32Array) => void): Float32Array => {
      const a = conditioned(size, 20, 3);
      change(a);
      return a;
    };
    const at = (row: number, column: number): number => row * size + column;
    for (const [what, pivot, change] of [
      ['a negative pivot in the first block', 3, (a: Float32Array) => (a[at(3, 3)] = -1)],
      ['a negative pivot in the last panel', 260, (a: Float32Array) => (a[at(260, 260)] = -1)],
      ['a negative pivot in a later block', 140, (a: Float32Array) => (a[at(140, 140)] = -1)],
      ['a negative first pivot', 0, (a: Float32Array) => (a[0] = -2)],
      ['a NaN on the diagonal', 50, (a: Float32Array) => (a[at(50, 50)] = NaN)],
      ['a NaN below the diagonal', 66, (a: Float32Array) => (a[at(66, 10)] = NaN)],
      ['an infinite pivot', 5, (a: Float32Array) => (a[at(5, 5)] = Infinity)],
      [
        'a row of zeros',
        33,
        (a: Float32Array) => {
          for (let i = 0; i < size; i += 1) a[at(33, i)] = a[at(i, 33)] = 0;
        },
      ],
      [
        'two bad pivots, of which the first counts',
        20,
        (a: Float32Array) => {
          a[at(20, 20)] = a[at(64, 64)] = a[at(257, 257)] = -1;
        },
      ],
    ] as const) {
      it(`names the pivot of ${what}`, async () => {
        const error: unknown = await work.linalg.cholesky(matrix(spoiled(change), size, size)).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(NotPositiveDefiniteError);
        expect((error as NotPositiveDefiniteError).pivot).toBe(pivot);
      });
    }
  });

  describe('solveTriangular', () => {
    for (const [size, count] of [
      [1, 1],
      [5, 3],
      [32, 2],
      [33, 65],
      [64, 1],
      [97, 13],
      [130, 66],
      [197, 20],
      [256, 6],
      [300, 17],
      [517, 19],
    ]) {
      for (const transpose of [false, true]) {
        it(`solves ${transpose ? 'Lᵀ' : 'L'}·X = B for L of ${size} and B of ${count}`, async () => {
          const l = Float32Array.from(factorOf(conditioned(size, 30, size), size));
          // What lies above the diagonal is nobody's business.
          const poisoned = l.map((value, i) => (i % size > Math.floor(i / size) ? NaN : value));
          const b = gaussian(count)(size * count);
          const x = await work.linalg.solveTriangular(matrix(poisoned, size, size), matrix(b, size, count), transpose);
          expect(x.dims).toEqual([size, count]);
          const expected = triangularSolution(l, b, size, transpose);
          expect(relativeError(await values(x), expected)).toBeLessThan(tolerance.direct);
        });
      }
    }

    it('leaves its operands as they were', async () => {
      const [l, b] = [conditioned(34, 5, 1), gaussian(2)(34 * 3)];
      const [first, second] = [matrix(l, 34, 34), matrix(b, 34, 3)];
      await values(await work.linalg.solveTriangular(first, second));
      expect(await values(first)).toEqual(l);
      expect(await values(second)).toEqual(b);
    });
  });

  describe('solveRegularized', () => {
    for (const [size, count] of [
      [1, 1],
      [7, 3],
      [33, 17],
      [64, 1],
      [97, 5],
      [40, 70],
    ]) {
      it(`solves for ${count} keys of ${size}`, async () => {
        const c = conditioned(size, 40, size);
        const k = gaussian(count)(count * size);
        const { solution, relativeResidual, residualHistory } = await work.linalg.solveRegularized(
          matrix(c, size, size),
          2.5,
          matrix(k, count, size),
        );
        expect(solution.dims).toEqual([count, size]);
        expect(relativeError(await values(solution), regularizedSolution(c, 2.5, k, size))).toBeLessThan(1e-6);
        expect(relativeResidual).toBeLessThan(1e-7);
        expect(residualHistory).toContain(relativeResidual);
      });
    }

    for (const condition of [1e3, 1e5, 1e7]) {
      it(`stays right at a condition number of ${condition}`, async () => {
        const [size, count] = [97, 4];
        const c = conditioned(size, condition, 9);
        const k = gaussian(10)(count * size);
        const { solution, relativeResidual } = await work.linalg.solveRegularized(
          matrix(c, size, size),
          20_000,
          matrix(k, count, size),
        );
        expect(relativeError(await values(solution), regularizedSolution(c, 20_000, k, size))).toBeLessThan(
          tolerance.solve,
        );
        expect(relativeResidual).toBeLessThan(1e-7);
      });
    }

    it('throws at a covariance that is not positive definite', async () => {
      const size = 48;
      const c = conditioned(size, 10, 1).map((value) => -value);
      await expect(work.linalg.factorCovariance(matrix(c, size, size))).rejects.toThrow(NotPositiveDefiniteError);
      const error: unknown = await work.linalg
        .solveRegularized(matrix(c, size, size), 100, matrix(gaussian(4)(size), 1, size))
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(NotPositiveDefiniteError);
      expect((error as NotPositiveDefiniteError).pivot).toBe(0);
    });
  });
}
