/** What unit tests share: goldens, and models on one WASM thread. */
import { readFileSync } from 'node:fs';
import { startWasm } from '../../src/cli/backend.ts';
import { folderSource } from '../../src/cli/folder-source.ts';
import { CpuLinearAlgebra } from '../../src/engine/linalg/cpu.ts';
import { CpuDevice } from '../../src/engine/runtime/device.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import type { Backend } from '../../src/engine/session/backend.ts';
import { projectionOf } from '../../src/engine/families/family.ts';
import type { LanguageModel } from '../../src/engine/model/language-model.ts';
import { visitNextTokens } from '../../src/engine/model/logits.ts';
import { EditedWeights, type WeightSet } from '../../src/engine/model/weight-set.ts';
import type { LowRankDelta, WeightDelta } from '../../src/engine/patches/weight-delta.ts';
import { openSession, type OpenOptions } from '../../src/engine/session/open.ts';
import type { ModelSession } from '../../src/engine/session/session.ts';
import { MissingFileError, type ModelSource } from '../../src/engine/sources/model-source.ts';
import { memorySource } from '../../src/engine/weights/byte-source.ts';

export const DEMO_MODEL = 'public/models/demo';
export const TINY_MODEL = 'tests/reference/models/tiny-gpt2';

/** The folder of SmolLM2-135M-Instruct, which the tests of the real model need; undefined where there is none. */
export const REAL_MODEL = process.env.MEMIT_REAL_MODEL;

/** WASM on one thread, on a device that allows what is given. */
export async function cpuBackend(options: ConstructorParameters<typeof CpuDevice>[0]): Promise<Backend> {
  await startWasm(1);
  const device = new CpuDevice(options);
  const runtime = new Runtime(await import('onnxruntime-web'), device);
  return { runtime, linalg: new CpuLinearAlgebra(device), name: 'WASM' };
}

/** A file that a script in tests/reference wrote. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the test says what the script wrote
export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(`tests/reference/goldens/${name}.json`, 'utf8')) as T;
}

/** Next-token logits [V] after the last token of every row, in the order given. */
export async function nextTokenLogits(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
): Promise<Float32Array[]> {
  const results = new Array<Float32Array>(rows.length);
  await visitNextTokens(model, weights, rows, (row, logits) => {
    results[row] = logits.slice();
  });
  return results;
}

/** A model on one thread: sums are then taken in the same order on every machine. */
export async function openModel(folder: string, options: OpenOptions = {}): Promise<ModelSession> {
  return openSession(folderSource(folder), await startWasm(1), options);
}

/** The source with a text in place of one of its files, or, with null, without it. */
export function withFile(source: ModelSource, path: string, text: string | null): ModelSource {
  return {
    ...source,
    open: async (wanted, onProgress, signal) => {
      if (wanted !== path) return source.open(wanted, onProgress, signal);
      if (text === null) throw new MissingFileError(`There is no file “${path}”.`);
      return memorySource(path, new TextEncoder().encode(text));
    },
  };
}

/** The delta as two factors; fails when it is whole. */
export function lowRank(delta: WeightDelta): LowRankDelta {
  if (delta.kind === 'low-rank') return delta;
  throw new Error(`The delta of “${delta.tensor}” is ${delta.kind}.`);
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
    const { tensor } = projectionOf(model.family, layer, 'mlp-output');
    const weight = weights.get(tensor);
    weights.replace(tensor, await model.linalg.addScaled(weight, scale, weight, 0));
  }
  return weights;
}
