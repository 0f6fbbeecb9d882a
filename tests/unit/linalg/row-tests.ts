/** Tests of what is computed row by row or element by element, for any implementation. */
import { describe, expect, it } from 'vitest';
import { GraphError } from '../../../src/engine/errors.ts';
import { relativeError } from '../compare.ts';
import { finiteDifferences, gaussian, logSoftmaxOf, PlainAdam } from './plain.ts';
import { type Implementation, workspace } from './workspace.ts';

/** What is computed row by row or element by element. */
export function testRows(open: () => Promise<Implementation>): void {
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
