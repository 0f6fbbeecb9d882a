/** Causal traces on WebGPU (Dawn): the CPU path's scores, and no buffer left behind, whatever the end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNodeBackend, type NodeBackend } from '../../src/cli/backend.ts';
import { CancelledError } from '../../src/engine/errors.ts';
import type { TraceSettings } from '../../src/engine/tracing/settings.ts';
import { tracePrompt, TRACE_MEMORY, type PromptTrace, type TraceProgress } from '../../src/engine/tracing/trace.ts';
import { expectBelow } from '../unit/compare.ts';
import { openTiny } from '../unit/tiny.ts';
import type { ModelSession } from '../../src/engine/session/session.ts';

const settings: TraceSettings & { noise: number } = {
  kinds: ['hidden', 'mlp', 'attention'],
  severed: true,
  samples: 2,
  window: 2,
  noise: 0.9,
  seed: 4,
  generator: 'seeded',
};
/** With the subject inside, and at the start: then nothing stands before the token that is restored first. */
const requests = [
  { prompt: 'The capital of {} is', subject: 'the land' },
  { prompt: '{} is in', subject: 'I' },
];

let backend: NodeBackend;
let gpu: ModelSession;
let cpu: ModelSession;

beforeAll(async () => {
  backend = await startNodeBackend('webgpu');
  gpu = await openTiny(undefined, {}, backend);
  cpu = await openTiny();
});

afterAll(async () => {
  await gpu.dispose();
  await cpu.dispose();
  await backend.dispose();
});

function trace(
  { model, tracer }: ModelSession,
  request: (typeof requests)[number],
  progress: TraceProgress = {},
  { group = TRACE_MEMORY.group, signal }: { group?: number; signal?: AbortSignal } = {},
): Promise<PromptTrace | null> {
  const memory = { ...TRACE_MEMORY, group };
  return tracePrompt(model, model.weights, tracer.locate(request), settings, { signal }, progress, memory);
}

describe('a trace on WebGPU', () => {
  it.each(requests)(
    'of “$prompt” has the scores of the CPU path',
    async (request) => {
      const [actual, expected] = [(await trace(gpu, request))!, (await trace(cpu, request))!];
      expect(actual.answer).toBe(expected.answer);
      const differences = expected.scores.map((grid, g) =>
        Math.max(...grid.flatMap((row, t) => row.map((score, l) => Math.abs(actual.scores[g][t][l] - score)))),
      );
      expectBelow('WebGPU and CPU: scores of a trace', Math.max(...differences), 1e-4);
    },
    240_000,
  );

  it('leaves no buffer behind, finished, in groups, stopped or cancelled', async () => {
    await trace(gpu, requests[1]);
    const before = backend.runtime.device.liveBuffers;
    expect(before).toBeGreaterThan(0);
    await trace(gpu, requests[1]);
    expect(backend.runtime.device.liveBuffers).toBe(before);
    await trace(gpu, requests[1], {}, { group: 1 });
    expect(backend.runtime.device.liveBuffers).toBe(before);
    await trace(gpu, requests[1], { onBaseline: () => false });
    expect(backend.runtime.device.liveBuffers).toBe(before);
    const controller = new AbortController();
    const cancelled = trace(gpu, requests[1], { onToken: () => controller.abort() }, { signal: controller.signal });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(backend.runtime.device.liveBuffers).toBe(before);
  });
});
