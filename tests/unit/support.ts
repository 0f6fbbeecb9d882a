/** What unit tests share: goldens, models on one WASM thread, and comparisons of arrays. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { startWasm } from '../../src/cli/backend.ts';
import { folderFiles } from '../../src/cli/node-files.ts';
import { Workbench, type OpenOptions } from '../../src/engine/workbench.ts';

export const DEMO_MODEL = 'public/models/demo';
export const TINY_MODEL = 'tests/reference/models/tiny-gpt2';

/** A file that a script in tests/reference wrote. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the test says what the script wrote
export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(`tests/reference/goldens/${name}.json`, 'utf8')) as T;
}

/** A model on one thread: sums are then taken in the same order on every machine. */
export async function openModel(folder: string, options: OpenOptions = {}): Promise<Workbench> {
  return Workbench.open(folderFiles(folder), await startWasm(1), options);
}

/**
 * Expects `value` to be below `limit`. With SHOW_MEASURED set, prints both: docs/fidelity.md quotes what is printed.
 */
export function expectBelow(quantity: string, value: number, limit: number): void {
  if (process.env.SHOW_MEASURED)
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

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the test says what the file holds
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
