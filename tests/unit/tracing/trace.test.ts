/** Traces as a whole: what they cost and keep, groups of samples, the seed, cancelling, and prompts at the edges. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError, RequestError } from '../../../src/engine/errors.ts';
import { gridsOf, type TraceSettings } from '../../../src/engine/tracing/settings.ts';
import { subjectNoise } from '../../../src/engine/tracing/subject-noise.ts';
import { tracePrompt, TRACE_MEMORY, type PromptTrace, type TraceProgress } from '../../../src/engine/tracing/trace.ts';
import { golden } from '../support.ts';
import { openTiny } from '../tiny.ts';
import { worstOf, type TraceGolden } from './parity.ts';
import { runEdit } from '../../../src/engine/session/editing.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

const settings: TraceSettings & { noise: number } = {
  kinds: ['hidden', 'mlp', 'attention'],
  severed: true,
  samples: 5,
  window: 2,
  noise: 0.9,
  seed: 4,
  generator: 'seeded',
};
const request = { prompt: 'The capital of {} is', subject: 'the land' };

let bench: ModelSession;

beforeAll(async () => {
  bench = await openTiny();
});

afterAll(() => bench.dispose());

function trace(
  asked = request,
  change: Partial<TraceSettings> = {},
  progress: TraceProgress = {},
  memory = TRACE_MEMORY,
): Promise<PromptTrace | null> {
  const prompt = bench.tracer.locate(asked);
  const wanted = { ...settings, ...change, noise: change.noise ?? settings.noise };
  return tracePrompt(bench.model, bench.model.weights, prompt, wanted, {}, progress, memory);
}

function differenceOf(one: PromptTrace | null, other: PromptTrace | null): number {
  return Math.max(...one!.scores.map((grid, i) => worstOf(grid, other!.scores[i])));
}

describe('a trace', () => {
  it('is the same whether its samples run together or one by one', async () => {
    const together = await trace();
    const oneByOne = await trace(request, {}, {}, { ...TRACE_MEMORY, group: 1 });
    expect(differenceOf(together, oneByOne)).toBeLessThan(1e-6);
    expect(Math.abs(together!.low - oneByOne!.low)).toBeLessThan(1e-6);
    // The corrupted runs are made anew for every token: more is computed, and what is told adds up to it.
    expect(oneByOne!.cost.computed).toBeGreaterThan(together!.cost.computed);
  });

  it('is the same for the same seed, and another for another', async () => {
    const [one, same, other] = [await trace(), await trace(), await trace(request, { seed: 5 })];
    expect(same!.scores).toEqual(one!.scores);
    expect(differenceOf(one, other)).toBeGreaterThan(1e-3);
  });

  it('tells its baseline, every token of every grid as in the result, and progress up to the end', async () => {
    const told = new Map<string, readonly number[]>();
    const shares: number[] = [];
    let high = 0;
    const result = await trace(
      request,
      {},
      {
        onBaseline: (baseline) => {
          high = baseline.high;
          expect(told.size).toBe(0);
          return true;
        },
        onToken: ({ grid, token, scores }) => told.set(`${grid} ${token}`, scores),
        onProgress: (done, total) => shares.push(done / total),
      },
    );
    expect(high).toBe(result!.high);
    expect(told.size).toBe(result!.grids.length * result!.scores[0].length);
    result!.scores.forEach((rows, grid) => {
      rows.forEach((row, token) => expect(told.get(`${grid} ${token}`)).toEqual(row));
    });
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares[shares.length - 1]).toBe(1);
  });

  it('computes far less than the plain method', async () => {
    const { cost } = (await trace())!;
    expect(cost.computed).toBeLessThan(cost.plain / 8);
  });

  it('goes no further than the baseline when told so', async () => {
    const tokens: number[] = [];
    const stopped = await trace(request, {}, { onBaseline: () => false, onToken: ({ token }) => tokens.push(token) });
    expect(stopped).toBeNull();
    expect(tokens).toEqual([]);
  });

  it('stops where it is cancelled', async () => {
    const controller = new AbortController();
    let told = 0;
    const run = bench.tracer.trace(
      request,
      settings,
      bench.model.weights,
      { signal: controller.signal },
      {
        onToken: () => {
          told += 1;
          controller.abort();
        },
      },
    );
    await expect(run).rejects.toThrow(CancelledError);
    // Those before the subject need no computing and come at once.
    expect(told).toBe(bench.tracer.locate(request).subject[0] * gridsOf(settings).length);
  });

  it('is of the weights it is given', async () => {
    const patch = await runEdit(bench, [{ ...request, targetNew: 'on' }], {
      ...bench.preset('memit').settings,
      layers: [1, 2],
      steps: 2,
      covarianceWeight: 10,
    });
    bench.stack.push(patch);
    try {
      const plain = await bench.tracer.trace(request, settings, bench.model.weights, {});
      const edited = await bench.tracer.trace(request, settings, await bench.weights(), {});
      expect(Math.abs(edited.high - plain.high)).toBeGreaterThan(1e-6);
    } finally {
      bench.stack.undo();
    }
  });
});

describe('prompts at the edges', () => {
  it.each([
    { name: 'a subject at the start', asked: { prompt: '{} was born in', subject: 'Clark' } },
    { name: 'a subject of one token', asked: { prompt: '{} is in', subject: 'I' } },
    { name: 'a prompt that ends with its subject', asked: { prompt: 'Here is {}', subject: 'the lake' } },
    { name: 'a prompt that is its subject', asked: { prompt: '{}', subject: 'I' } },
  ])('traces $name', async ({ asked }) => {
    const { subject, ids } = bench.tracer.locate(asked);
    const result = (await trace(asked, { kinds: ['hidden'], severed: false }))!;
    const [grid] = result.scores;
    expect(grid.length).toBe(ids.length);
    // What stands before the subject is as it was; the state the answer is read from is the answer.
    grid.slice(0, subject[0]).forEach((row) => row.forEach((score) => expect(score).toBe(result.low)));
    expect(Math.abs(grid[ids.length - 1][bench.model.config.layerCount - 1] - result.high)).toBeLessThan(1e-6);
    // Restoring the only token there is, after the first layer, leaves nothing corrupted.
    if (ids.length === 1) grid[0].forEach((score) => expect(Math.abs(score - result.high)).toBeLessThan(1e-5));
  });

  it('traces a prompt as long as the context, and refuses a longer one', async () => {
    const { contextLength } = bench.model.config;
    const filled = (count: number) => ({ prompt: `${'a'.repeat(count)} {} is`, subject: 'the lake' });
    let count = 1;
    while (bench.tracer.locate(filled(count)).ids.length < contextLength) count += 1;
    const asked = filled(count);
    expect(bench.tracer.locate(asked).ids.length).toBe(contextLength);
    const many = { kinds: ['hidden'], severed: false, samples: 40 } as const;
    const whole = await trace(asked, { ...many, kinds: [...many.kinds] });
    const groups = await trace(asked, { ...many, kinds: [...many.kinds] }, {}, { ...TRACE_MEMORY, group: 2 ** 21 });
    expect(differenceOf(whole, groups)).toBeLessThan(1e-6);
    expect(() => bench.tracer.locate(filled(count + 40))).toThrow(/the model reads 64/);
  });

  it('refuses what would keep too much', async () => {
    await expect(trace(request, {}, {}, { group: 1, largest: 1000 })).rejects.toThrow(
      /Tracing 12 tokens.*GB of states/,
    );
  });

  it.each([
    { asked: { prompt: '{} is', subject: ' ' }, words: /subject is empty/ },
    { asked: { prompt: 'It is', subject: 'I' }, words: /\{\}/ },
    { asked: { prompt: '{} and {}', subject: 'I' }, words: /\{\}/ },
  ])('says what is wrong with “$asked.prompt”', ({ asked, words }) => {
    expect(() => bench.tracer.locate(asked)).toThrow(RequestError);
    expect(() => bench.tracer.locate(asked)).toThrow(words);
  });
});

describe('settings', () => {
  it.each([
    { change: { samples: 0 }, name: 'samples' },
    { change: { window: 0 }, name: 'window' },
    { change: { noise: -1 }, name: 'noise' },
    { change: { kinds: [] }, name: 'kinds' },
    { change: { seed: 0.5 }, name: 'seed' },
  ])('refuses $change', async ({ change, name }) => {
    const run = bench.tracer.trace(request, { ...settings, ...change }, bench.model.weights, {});
    await expect(run).rejects.toThrow(new RegExp(`setting “${name}”`));
  });

  it('leave the noise to the subjects’ embeddings: as the oracle measures it', async () => {
    const oracle = golden<TraceGolden>('tiny-trace');
    const subjects = oracle.traces.map(({ subject }) => subject);
    const noise = await subjectNoise(bench.model, bench.tokenizer, subjects);
    expect(Math.abs(noise / oracle.noise - 1)).toBeLessThan(1e-6);
  });
});
