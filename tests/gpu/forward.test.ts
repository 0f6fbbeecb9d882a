/** Forward passes on WebGPU (Dawn) against `transformers`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importWebGpuOrt, startNodeBackend, type NodeBackend } from '../../src/cli/backend.ts';
import { folderSource } from '../../src/cli/folder-source.ts';
import { continueRows } from '../../src/engine/model/decoding.ts';
import { batchOf, placesOf } from '../../src/engine/model/forward.ts';
import { visitLogits } from '../../src/engine/model/logits.ts';
import { argmax } from '../../src/engine/model/sampling.ts';
import { GpuDevice, readFloats } from '../../src/engine/runtime/device.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { scoped } from '../../src/engine/runtime/scope.ts';
import type { Tensor } from '../../src/engine/runtime/tensor.ts';
import { loadFolder, type LoadedModel } from '../unit/families/load.ts';
import { demoSequences, familySequences, worstLogit } from '../unit/families/logits.ts';
import { expectBelow, relativeError } from '../unit/compare.ts';
import { DEMO_MODEL, openModel, TINY_MODEL } from '../unit/support.ts';
import { randomFloats } from '../unit/weights/support.ts';
import { openSession } from '../../src/engine/session/open.ts';
import type { ModelSession } from '../../src/engine/session/session.ts';

let backend: NodeBackend;

beforeAll(async () => {
  backend = await startNodeBackend('webgpu');
});

afterAll(() => backend.dispose());

it('gives the logits of the demo model at every position', async () => {
  const bench = await openSession(folderSource(DEMO_MODEL), backend);
  expectBelow('WebGPU: logits of demo, against their spread', await worstLogit(bench, demoSequences()), 1e-4);
  await bench.dispose();
  expect(backend.runtime.device.liveBuffers).toBe(0);
});

// Those with operations that the others lack: neighbours turned; ReLU and shifted positions; norms of heads; bounded scores and windows.
describe.each(['gptj', 'opt', 'qwen3', 'gemma2'])('the family %s', (name) => {
  const load = (on?: NodeBackend): Promise<LoadedModel> =>
    loadFolder(`tests/reference/models/family-${name}`, undefined, on);

  it('has the logits of transformers at every position', async () => {
    const loaded = await load(backend);
    const worst = await worstLogit(loaded, familySequences(name));
    expectBelow(`WebGPU: logits of family ${name}, against their spread`, worst, 1e-4);
    await loaded.model.dispose();
  });

  it('has the gradients of the CPU, block by block', async () => {
    const [gpu, cpu] = [await load(backend), await load()];
    const { layerCount } = cpu.model.config;
    for (let layer = 0; layer < layerCount; layer += 1) {
      const [actual, expected] = [await blockGradient(gpu, layer), await blockGradient(cpu, layer)];
      expectBelow(`WebGPU: gradients of family ${name}`, relativeError(actual, expected), 1e-4);
    }
    await gpu.model.dispose();
    await cpu.model.dispose();
  });
});

it('reads a table that is larger than a kernel may read in blocks', async () => {
  // Smaller than the tables, larger than the other matrices.
  const device = new GpuDevice((backend.runtime.device as GpuDevice).gpu, 15_000);
  const runtime = new Runtime(await importWebGpuOrt(), device);
  const { model } = await loadFolder('tests/reference/models/family-llama', undefined, { ...backend, runtime });
  for (const { tensor, table } of [...model.family.embeddingWeights(), ...model.family.headWeights()]) {
    expect(model.weights.blocks(tensor)).toHaveLength(table ? 2 : 1);
  }
  const worst = await worstLogit({ model }, familySequences('llama'));
  expectBelow('WebGPU: logits of family llama in blocks, against their spread', worst, 1e-4);
  await model.dispose();
});

/** Of random hidden states, for a random gradient of the output. */
async function blockGradient({ model }: LoadedModel, layer: number): Promise<Float32Array> {
  const { device } = model.runtime;
  const dims = [2, 11, model.config.hiddenSize];
  const size = dims[0] * dims[1] * dims[2];
  return scoped(async (scope) => {
    const upload = (seed: number): Tensor => scope.track(device.upload(randomFloats(size, seed), dims, 'random'));
    const rows = Array.from({ length: dims[0] }, () => new Array<number>(dims[1]).fill(0));
    const places = scope.track(placesOf(model, batchOf(rows)));
    const gradient = await model.blockGradient(model.weights, layer, { hidden: upload(layer), places }, upload(9));
    return readFloats(device, scope.track(gradient));
  });
}

it('continues rows, and shares prefixes, as the CPU does', async () => {
  const rows = [[5, 9, 2, 7], [3], [8, 8, 1, 6, 4, 2, 9], [1, 2]];
  const wanted = [5, 9, 2, 7];
  // The first two differ after six tokens; the third begins alike and stands alone.
  const ids = [2, 7, 1, 8, 2, 8];
  const branches = [
    [...ids, 1, 8],
    [...ids, 4],
    [...ids.slice(0, 3), 9, 9],
  ].map((branch, i) => ({ ids: branch, from: i < 2 ? 5 : 2 }));
  const run = async (bench: ModelSession): Promise<{ added: number[][]; logits: Map<string, Float32Array> }> => {
    const { model } = bench;
    const added = await continueRows(model, model.weights, rows, wanted, argmax);
    const logits = new Map<string, Float32Array>();
    await visitLogits(model, model.weights, branches, (row, token, values) => {
      logits.set(`${row} ${token}`, values.slice());
    });
    await bench.dispose();
    return { added, logits };
  };
  const expected = await run(await openModel(TINY_MODEL));
  const actual = await run(await openSession(folderSource(TINY_MODEL), backend));
  expect(actual.added).toEqual(expected.added);
  expect(actual.added.map((tokens) => tokens.length)).toEqual(wanted);
  expect([...actual.logits.keys()].sort()).toEqual(['0 5', '0 6', '0 7', '1 5', '1 6', '2 2', '2 3', '2 4']);
  const errors = [...expected.logits].map(([key, values]) => relativeError(actual.logits.get(key)!, values));
  expectBelow('WebGPU: logits after a shared prefix', Math.max(...errors), 1e-5);
  expect(backend.runtime.device.liveBuffers).toBe(0);
});
