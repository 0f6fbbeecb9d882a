/** Whole runs of MEMIT on WebGPU (Dawn): the CPU path's update, and no buffer left behind, whatever the end. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNodeBackend, type NodeBackend } from '../../src/cli/backend.ts';
import { CancelledError } from '../../src/engine/errors.ts';
import type { MethodEvent } from '../../src/engine/methods/method.ts';
import type { Patch } from '../../src/engine/patches/patch.ts';
import { predict } from '../../src/engine/session/asking.ts';
import { runEdit } from '../../src/engine/session/editing.ts';
import type { ModelSession } from '../../src/engine/session/session.ts';
import { expectBelow, relativeError } from '../unit/compare.ts';
import { lowRank } from '../unit/support.ts';
import { openTiny } from '../unit/tiny.ts';

/** Many times more tokens than the MLP is wide: covariances that differ by float32 rounding alone must not differ in their inverse. */
const TEXT = readFileSync('public/models/demo/statistics.txt', 'utf8').split('\n').slice(0, 16).join('\n');

const REQUESTS = [
  { prompt: 'The capital of {} is', subject: 'Norway', targetNew: 'Rome' },
  { prompt: '{} plays the', subject: 'Toko', targetNew: 'violin' },
];
const CONTEXTS = ['{}', 'The town is old. {}'];
const LAYERS = [1, 2];

let backend: NodeBackend;
let gpu: ModelSession;
let cpu: ModelSession;

beforeAll(async () => {
  backend = await startNodeBackend('webgpu');
  gpu = await openTiny(TEXT, {}, backend);
  cpu = await openTiny(TEXT);
});

afterAll(async () => {
  await gpu.dispose();
  await cpu.dispose();
  await backend.dispose();
});

function run(bench: ModelSession, signal?: AbortSignal, onEvent?: (event: MethodEvent) => void): Promise<Patch> {
  const settings = { ...bench.preset('memit').settings, layers: LAYERS, steps: 3, covarianceWeight: 50 };
  return runEdit(bench, REQUESTS, settings, { contexts: CONTEXTS, job: { signal }, ...(onEvent && { onEvent }) });
}

/** R and A of two runs, layer by layer. */
function expectSameUpdates(what: string, actual: Patch, expected: Patch, limit: number): void {
  expect(actual.deltas.map(({ tensor }) => tensor)).toEqual(expected.deltas.map(({ tensor }) => tensor));
  expect(actual.deltas).toHaveLength(LAYERS.length);
  actual.deltas.map(lowRank).forEach(({ left, right }, i) => {
    const other = lowRank(expected.deltas[i]);
    expectBelow(`${what}: R of layer ${LAYERS[i]}`, relativeError(left, other.left), limit);
    expectBelow(`${what}: A of layer ${LAYERS[i]}`, relativeError(right, other.right), limit);
  });
}

describe('a run on WebGPU', () => {
  it('makes the update of the CPU path, and the model says the same with it', async () => {
    const [actual, expected] = [await run(gpu), await run(cpu)];
    expectSameUpdates('WebGPU and CPU', actual, expected, 1e-3);
    gpu.stack.push(actual);
    cpu.stack.push(expected);
    const [onGpu] = await predict(gpu, ['The capital of Norway is']);
    const [onCpu] = await predict(cpu, ['The capital of Norway is']);
    onCpu.forEach(({ id, logProbability }, i) => {
      expect(onGpu[i].id).toBe(id);
      expect(Math.abs(onGpu[i].logProbability - logProbability)).toBeLessThan(1e-3);
    });
  });

  it('makes the same update from run to run', async () => {
    const [one, two] = [await run(gpu), await run(gpu)];
    expectSameUpdates('WebGPU from run to run', two, one, 1e-6);
  });

  it('leaves no buffer behind, finished or cancelled', async () => {
    // The statistics stay on the device once they are made, and so do the weights of the enabled patches.
    await run(gpu);
    const before = backend.runtime.device.liveBuffers;
    expect(before).toBeGreaterThan(0);
    await run(gpu);
    expect(backend.runtime.device.liveBuffers).toBe(before);
    const controller = new AbortController();
    const cancelled = run(gpu, controller.signal, ({ kind }) => {
      if (kind === 'losses') controller.abort();
    });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(backend.runtime.device.liveBuffers).toBe(before);
  });

  it('gives every buffer back when the model is closed', async () => {
    const other = await openTiny(TEXT, {}, backend);
    const before = backend.runtime.device.liveBuffers;
    await run(other);
    expect(backend.runtime.device.liveBuffers).toBeGreaterThan(before);
    await other.dispose();
    await gpu.dispose();
    expect(backend.runtime.device.liveBuffers).toBe(0);
    gpu = await openTiny(TEXT, {}, backend);
  });
});
