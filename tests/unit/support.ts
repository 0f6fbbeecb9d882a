/** What unit tests share: goldens, and models on one WASM thread. */
import { readFileSync } from 'node:fs';
import { startWasm } from '../../src/cli/backend.ts';
import { folderFiles } from '../../src/cli/folder-source.ts';
import type { LanguageModel } from '../../src/engine/model/language-model.ts';
import { EditedWeights } from '../../src/engine/model/weight-set.ts';
import { Workbench, type OpenOptions } from '../../src/engine/session/workbench.ts';

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

/** The model's weights with the output projections of some MLPs multiplied, as the oracles do it so that it errs; the caller disposes them. */
export async function scaledWeights(
  model: LanguageModel,
  layers: readonly number[],
  scale: number,
): Promise<EditedWeights> {
  const weights = new EditedWeights(model.weights);
  for (const layer of layers) {
    const { tensor } = model.family.editable(layer);
    const weight = weights.get(tensor);
    weights.replace(tensor, await model.linalg.addScaled(weight, scale, weight, 0));
  }
  return weights;
}
