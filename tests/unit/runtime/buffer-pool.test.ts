import { expect, it } from 'vitest';
import { BufferPool } from '../../../src/engine/runtime/buffer-pool.ts';

const MEBIBYTE = 2 ** 20;

/** What the pool sees of a buffer. */
function buffer(mebibytes: number): GPUBuffer & { destroyed: boolean } {
  const made = {
    size: mebibytes * MEBIBYTE,
    destroyed: false,
    destroy: () => {
      made.destroyed = true;
    },
  };
  return made as unknown as GPUBuffer & { destroyed: boolean };
}

it('hands out what was given back, of the same size only, once', () => {
  const pool = new BufferPool();
  const [small, large] = [buffer(1), buffer(3)];
  pool.give(small);
  pool.give(large);
  expect(pool.take(2 * MEBIBYTE)).toBeNull();
  expect(pool.take(3 * MEBIBYTE)).toBe(large);
  expect(pool.take(3 * MEBIBYTE)).toBeNull();
  expect(small.destroyed || large.destroyed).toBe(false);
});

it('frees small buffers at once, and those that no run would want twice', () => {
  const pool = new BufferPool();
  const outliers = [buffer(0.5), buffer(300)];
  outliers.forEach((each) => pool.give(each));
  expect(outliers.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  expect(pool.take(300 * MEBIBYTE)).toBeNull();
});

it('frees those idle for longest when more than 256 MiB are', () => {
  const pool = new BufferPool();
  const given = [buffer(100), buffer(90), buffer(60), buffer(80)];
  given.forEach((each) => pool.give(each));
  expect(given.map(({ destroyed }) => destroyed)).toEqual([true, false, false, false]);
  expect(pool.take(90 * MEBIBYTE)).toBe(given[1]);
  // What is in use does not count.
  pool.give(buffer(100));
  expect(given[2].destroyed).toBe(false);
});

it('frees all of them when it is emptied, and goes on', () => {
  const pool = new BufferPool();
  const given = [buffer(100), buffer(100)];
  given.forEach((each) => pool.give(each));
  pool.clear();
  expect(given.every(({ destroyed }) => destroyed)).toBe(true);
  const later = [buffer(128), buffer(128)];
  later.forEach((each) => pool.give(each));
  expect(later.some(({ destroyed }) => destroyed)).toBe(false);
});
