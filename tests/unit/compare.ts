/** Comparisons of numbers and arrays, in Node and in browsers. */
import { expect } from 'vitest';

/**
 * Expects `value` to be below `limit`. With SHOW_MEASURED set, prints both: docs/fidelity.md quotes what is printed.
 */
export function expectBelow(quantity: string, value: number, limit: number): void {
  if ('process' in globalThis && process.env.SHOW_MEASURED)
    process.stdout.write(`measured  ${quantity}: ${value.toExponential(1)} (limit ${limit})\n`);
  expect(value, quantity).toBeLessThan(limit);
}

/** ‖actual − expected‖ / ‖expected‖. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i += 1) {
    difference += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}
