/** A long factorisation gives way now and then, hears a cancel, and comes to what it comes to in one go. */
import { afterEach, expect, it, vi } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import { factor, factorInTurns } from '../../../src/engine/linalg/dense.ts';
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
  factor(whole, SIZE);
  let turns = 0;
  await factorInTurns(matrix, SIZE, {
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
  const run = factorInTurns(Float64Array.from(conditioned(SIZE, 1e3, 1)), SIZE, {
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
