/** Long solves give way now and then, hear a cancel, and come to what they come to in one go. */
import { afterEach, expect, it, vi } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import { factorSteps, inOneGo, inTurns } from '../../../src/engine/linalg/dense.ts';
import { CpuCovarianceFactor, solveRegularized } from '../../../src/engine/linalg/cpu/regularized-solve.ts';
import { randomFloats } from '../weights/support.ts';
import { conditioned } from './plain.ts';

const SIZE = 333;

afterEach(() => vi.restoreAllMocks());

/** A clock on which every look takes longer than a turn. */
function slowClock(): void {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
}

it('a factorisation in turns is the one in one go, bit for bit', async () => {
  slowClock();
  const matrix = Float64Array.from(conditioned(SIZE, 1e3, 1));
  const whole = matrix.slice();
  inOneGo(factorSteps(whole, SIZE));
  let turns = 0;
  await inTurns(factorSteps(matrix, SIZE), {
    yieldToEventLoop: () => {
      turns += 1;
      return Promise.resolve();
    },
  });
  expect(turns).toBeGreaterThan(10);
  expect(matrix).toEqual(whole);
});

it('a cancel ends it at the next turn', async () => {
  slowClock();
  const abort = new AbortController();
  let turns = 0;
  const run = inTurns(factorSteps(Float64Array.from(conditioned(SIZE, 1e3, 1)), SIZE), {
    signal: abort.signal,
    yieldToEventLoop: () => {
      turns += 1;
      if (turns === 3) abort.abort();
      return Promise.resolve();
    },
  });
  await expect(run).rejects.toBeInstanceOf(CancelledError);
  expect(turns).toBe(3);
});

it.each([
  ['the whole system', null],
  ['the factor of C', 'known'],
])('a solve by %s hears a cancel from its beginning to its end', async (_, how) => {
  slowClock();
  const count = 70;
  const covariance = conditioned(SIZE, 1e3, 1);
  const keys = randomFloats(count * SIZE, 2);
  const l = Float64Array.from(covariance);
  inOneGo(factorSteps(l, SIZE));
  const known = how === null ? null : new CpuCovarianceFactor(l);
  const solve = async (cancelAt: number): Promise<number> => {
    const abort = new AbortController();
    let turns = 0;
    await solveRegularized({ count, size: SIZE }, covariance, 15, keys, known, {
      signal: abort.signal,
      yieldToEventLoop: () => {
        turns += 1;
        if (turns === cancelAt) abort.abort();
        return Promise.resolve();
      },
    });
    return turns;
  };
  const turns = await solve(Infinity);
  expect(turns).toBeGreaterThan(50);
  for (const at of [1, turns >> 1, turns]) await expect(solve(at)).rejects.toBeInstanceOf(CancelledError);
});
