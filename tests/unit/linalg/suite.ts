/** The contract of LinearAlgebra as tests: the same cases for both implementations. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GraphError, NotPositiveDefiniteError } from '../../../src/engine/errors.ts';
import type { LinearAlgebra } from '../../../src/engine/linalg/linear-algebra.ts';
import { readFloats } from '../../../src/engine/runtime/device.ts';
import { TensorScope } from '../../../src/engine/runtime/scope.ts';
import type { Tensor } from '../../../src/engine/runtime/tensor.ts';
import { expectBelow, relativeError } from '../compare.ts';
import {
  conditioned,
  factorOf,
  finiteDifferences,
  gaussian,
  logSoftmaxOf,
  PlainAdam,
  product,
  regularizedSolution,
  triangularSolution,
} from './plain.ts';

export interface Implementation {
  readonly linalg: LinearAlgebra;
  close(): void | Promise<void>;
}

/** Largest relative (Frobenius) or, for losses, absolute error. */
export interface Tolerances {
  readonly direct: number;
  readonly solve: number;
  /** ‖ΔW − ΔW₆₄‖ / ‖ΔW₆₄‖, ΔW = RᵀA in float32. */
  readonly update: number;
}

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

/** Opens the implementation for the tests of a block and frees after each of them what it made. */
function workspace(open: () => Promise<Implementation>): {
  readonly linalg: LinearAlgebra;
  readonly matrix: (values: Float32Array, ...dims: number[]) => Tensor;
  readonly ints: (values: number[]) => Tensor;
  readonly values: (tensor: Tensor) => Promise<Float32Array>;
  readonly track: (tensor: Tensor) => Tensor;
} {
  let implementation: Implementation;
  let scope = new TensorScope();
  beforeAll(async () => {
    implementation = await open();
  });
  afterEach(() => {
    scope.dispose();
    scope = new TensorScope();
    expect(implementation.linalg.device.liveBuffers).toBe(0);
  });
  afterAll(() => implementation.close());
  return {
    get linalg() {
      return implementation.linalg;
    },
    matrix: (values, ...dims) => scope.track(implementation.linalg.device.upload(values, dims)),
    ints: (values) =>
      scope.track(implementation.linalg.device.upload(Int32Array.from(values), [values.length], 'indices')),
    values: (tensor) => readFloats(implementation.linalg.device, scope.track(tensor)),
    track: (tensor) => scope.track(tensor),
  };
}

export function testLinearAlgebra(open: () => Promise<Implementation>, tolerance: Tolerances): void {
  testMatrices(open, tolerance);
  testRows(open);
  testUpdates(open, tolerance);
}

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

/** What is computed row by row or element by element. */
function testRows(open: () => Promise<Implementation>): void {
  const work = workspace(open);
  const { matrix, ints, values } = work;

  describe('losses', () => {
    // The second row's logits are so large that exp overflows unless the maximum is taken out first.
    const rowsOf = (width: number): Float32Array[] => {
      const sample = gaussian(width);
      return [sample(width).map((v) => 3 * v), sample(width).map((v) => 500 + v), sample(width)];
    };
    const joined = (rows: ArrayLike<number>[]): Float32Array =>
      Float32Array.from(rows.flatMap((row) => [...toArray(row)]));

    for (const width of [1, 5, 257, 1000]) {
      it(`logSoftmax over ${width} logits`, async () => {
        const rows = rowsOf(width);
        const result = await values(await work.linalg.logSoftmax(matrix(joined(rows), 3, width)));
        expect(largestDifference(result, joined(rows.map(logSoftmaxOf)))).toBeLessThan(1e-5);
      });
    }

    for (const width of [2, 7, 300]) {
      const weights = Float32Array.of(0.25, 1, -2);

      it(`cross entropy over ${width} logits, its gradient against finite differences`, async () => {
        const rows = rowsOf(width);
        const targets = [0, width - 1, Math.floor(width / 2)];
        const { loss, gradient } = await work.linalg.crossEntropy(
          matrix(joined(rows), 3, width),
          ints(targets),
          matrix(weights, 3),
        );
        const lossOf = (row: ArrayLike<number>, r: number): number => -logSoftmaxOf(Float64Array.from(row))[targets[r]];
        expect(largestDifference(await values(loss), rows.map(lossOf))).toBeLessThan(1e-5);
        const expected = rows.map((row, r) => finiteDifferences((x) => weights[r] * lossOf(x, r), row));
        expect(largestDifference(await values(gradient), joined(expected))).toBeLessThan(1e-5);
      });

      it(`KL divergence over ${width} logits, its gradient against finite differences`, async () => {
        const rows = rowsOf(width);
        const reference = rowsOf(width + 1).map((row) => Float32Array.from(logSoftmaxOf(row.subarray(0, width))));
        const { loss, gradient } = await work.linalg.klDivergence(
          matrix(joined(rows), 3, width),
          matrix(joined(reference), 3, width),
          matrix(weights, 3),
        );
        const lossOf = (row: ArrayLike<number>, r: number): number => {
          const now = logSoftmaxOf(Float64Array.from(row));
          return now.reduce((sum, log, v) => sum + Math.exp(log) * (log - reference[r][v]), 0);
        };
        expect(largestDifference(await values(loss), rows.map(lossOf))).toBeLessThan(1e-5);
        const expected = rows.map((row, r) => finiteDifferences((x) => weights[r] * lossOf(x, r), row));
        expect(largestDifference(await values(gradient), joined(expected))).toBeLessThan(1e-5);
      });
    }

    it('KL divergence of a distribution from itself is 0, also where a token has no probability at all', async () => {
      const logits = Float32Array.of(1, 2, -3e4, 0.5);
      const reference = Float32Array.from(logSoftmaxOf(logits));
      const { loss, gradient } = await work.linalg.klDivergence(
        matrix(logits, 1, 4),
        matrix(reference, 1, 4),
        matrix(Float32Array.of(1), 1),
      );
      expect(largestDifference(await values(loss), [0])).toBeLessThan(1e-6);
      expect(largestDifference(await values(gradient), [0, 0, 0, 0])).toBeLessThan(1e-6);
    });
  });

  describe('adamStep', () => {
    it('follows torch.optim.Adam over ten steps, with decay and projection', async () => {
      const [edits, width] = [4, 301];
      const sample = gaussian(21);
      const decay = Float32Array.of(0.5, 0, 2, 0.5);
      // The second and third edits run into their limits; the last one never has a gradient and stays at 0.
      const maxNorm = Float32Array.of(100, 5, 3, 10);
      const state = {
        delta: work.track(work.linalg.device.zeros([edits, width])),
        firstMoment: work.track(work.linalg.device.zeros([edits, width])),
        secondMoment: work.track(work.linalg.device.zeros([edits, width])),
      };
      const plain = Array.from({ length: edits }, () => new PlainAdam(width));
      for (let step = 1; step <= 10; step += 1) {
        const gradient = sample(edits * width);
        gradient.fill(0, 3 * width);
        await work.linalg.adamStep(state, matrix(gradient, edits, width), {
          step,
          learningRate: 0.5,
          decay: matrix(decay, edits),
          maxNorm: matrix(maxNorm, edits),
        });
        plain.forEach((adam, e) => {
          adam.step(gradient.subarray(e * width, (e + 1) * width), 0.5, decay[e], maxNorm[e]);
        });
        const delta = await values(state.delta);
        plain.slice(0, 3).forEach((adam, e) => {
          expect(relativeError(delta.subarray(e * width, (e + 1) * width), adam.delta)).toBeLessThan(1e-5);
        });
        expect(delta.subarray(3 * width).every((value) => value === 0)).toBe(true);
      }
      expect(Math.hypot(...plain[1].delta)).toBeCloseTo(5, 9);
    });
  });

  describe('rows', () => {
    it('gathers rows, some of them twice', async () => {
      const source = gaussian(31)(9 * 37);
      const order = [8, 0, 3, 3, 1];
      const gathered = await work.linalg.gatherRows(matrix(source, 9, 37), ints(order));
      expect(gathered.dims).toEqual([5, 37]);
      const expected = order.flatMap((row) => [...source.subarray(row * 37, (row + 1) * 37)]);
      expect([...(await values(gathered))]).toEqual(expected);
    });

    it('overwrites columns and nothing beside them', async () => {
      const [height, width, added, start] = [67, 41, 5, 13];
      const sample = gaussian(33);
      const before = sample(height * width);
      const columns = sample(height * added);
      const target = matrix(before, height, width);
      await work.linalg.writeColumns(target, start, matrix(columns, height, added));
      await work.linalg.writeColumns(target, width - added, matrix(columns, height, added));
      const expected = Float32Array.from(before);
      columns.forEach((value, at) => {
        const row = Math.floor(at / added) * width;
        expected[row + start + (at % added)] = value;
        expected[row + width - added + (at % added)] = value;
      });
      expect([...(await values(target))]).toEqual([...expected]);
      await expect(work.linalg.writeColumns(target, width - added + 1, matrix(columns, height, added))).rejects.toThrow(
        '5 columns from 37 on do not fit into 41',
      );
    });

    it('adds to rows, repeated ones too, the same every time', async () => {
      const [height, width] = [6, 131];
      const sample = gaussian(32);
      const start = sample(height * width);
      const order = [2, 5, 2, 2, 0];
      const rows = sample(order.length * width);
      const expected = Float64Array.from(start);
      rows.forEach((value, at) => (expected[order[Math.floor(at / width)] * width + (at % width)] -= 0.5 * value));
      const results: Float32Array[] = [];
      for (let time = 0; time < 2; time += 1) {
        const target = matrix(start, height, width);
        await work.linalg.scatterAddRows(target, ints(order), matrix(rows, order.length, width), -0.5);
        results.push(await values(target));
      }
      expect(relativeError(results[0], expected)).toBeLessThan(1e-6);
      expect(results[1]).toEqual(results[0]);
    });

    for (const [rows, width] of [
      [1, 1],
      [3, 255],
      [5, 1030],
    ]) {
      it(`norms of ${rows} rows of ${width}`, async () => {
        const x = gaussian(width)(rows * width);
        const norms = await values(await work.linalg.rowNorms(matrix(x, rows, width)));
        const expected = Array.from({ length: rows }, (_, r) => Math.hypot(...x.subarray(r * width, (r + 1) * width)));
        expect(relativeError(norms, expected)).toBeLessThan(1e-6);
      });
    }
  });

  describe('whole tensors', () => {
    it('combines two of any shape', async () => {
      const [a, b] = [gaussian(41)(3 * 7 * 13), gaussian(42)(3 * 7 * 13)];
      const sum = await work.linalg.addScaled(matrix(a, 3, 7, 13), 0.5, matrix(b, 3, 7, 13), -2);
      expect(sum.dims).toEqual([3, 7, 13]);
      const expected = Float64Array.from(a, (value, at) => 0.5 * value - 2 * b[at]);
      expect(relativeError(await values(sum), expected)).toBeLessThan(1e-6);
    });

    for (const size of [1, 255, 257, 300_001]) {
      it(`norm of ${size} values`, async () => {
        const x = gaussian(size)(size);
        const expected = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
        expect(relativeError([await work.linalg.norm(matrix(x, size))], [expected])).toBeLessThan(1e-6);
      });
    }

    it('refuses shapes that differ', async () => {
      const x = gaussian(1)(12);
      await expect(work.linalg.addScaled(matrix(x, 3, 4), 1, matrix(x, 4, 3), 1)).rejects.toThrow(
        'addScaled: expected float32 [3, 4], got float32 [4, 3]',
      );
      await expect(work.linalg.addGram(matrix(x, 3, 4), matrix(x, 3, 4))).rejects.toThrow(GraphError);
      await expect(work.linalg.cholesky(matrix(x, 3, 4))).rejects.toThrow('not square');
      await expect(work.linalg.gatherRows(matrix(x, 3, 4), matrix(x, 12))).rejects.toThrow('int32');
    });
  });
}

/** MEMIT's update, from one edit to more than the matrix is wide, off every tile size, at every condition number. */
function testUpdates(open: () => Promise<Implementation>, tolerance: Tolerances): void {
  const work = workspace(open);
  const { matrix, values } = work;

  for (const [size, width] of [
    [77, 45],
    [130, 33],
  ]) {
    for (const condition of [1e3, 1e5, 1e7]) {
      for (const count of [1, 7, 64, 300]) {
        it(`gives the update of ${count} edits, statistics of ${size} at a condition number of ${condition}`, async () => {
          const c = conditioned(size, condition, size + count);
          const sample = gaussian(count);
          const [k, r] = [sample(count * size), sample(count * width)];
          const weight = 150;
          const covariance = matrix(c, size, size);
          const factor = await work.linalg.factorCovariance(covariance);
          const exact = product(r, regularizedSolution(c, weight, k, size), [width, size, count], true);
          for (const [route, known] of [
            ['direct', null],
            ['with the factor of C', factor],
          ] as const) {
            const { solution, relativeResidual } = await work.linalg.solveRegularized(
              covariance,
              weight,
              matrix(k, count, size),
              known,
            );
            const update = await work.linalg.matmul(matrix(r, count, width), work.track(solution), {
              transposeA: true,
            });
            expectBelow(
              `ΔW on ${work.linalg.device.kind}, ${route}, F = ${size}, u = ${count}, condition ${condition}`,
              relativeError(await values(update), exact),
              tolerance.update,
            );
            expect(relativeResidual).toBeLessThan(1e-7);
          }
          factor.dispose();
        });
      }
    }
  }
}

function toArray(row: ArrayLike<number>): number[] {
  return Array.from(row);
}

/** The largest absolute difference; NaN when either holds one. */
function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return toArray(actual).reduce((largest, value, at) => {
    const difference = Math.abs(value - expected[at]);
    return difference > largest || Number.isNaN(difference) ? difference : largest;
  }, 0);
}
