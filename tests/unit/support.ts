/** What unit tests share: goldens, and models on one WASM thread. */
import { readFileSync } from 'node:fs';
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

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the test says what the file holds
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
