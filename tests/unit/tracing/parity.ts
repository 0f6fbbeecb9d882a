/** Causal traces against the PyTorch oracle's: every grid, to 1e-4 in probability. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GridSpec, TraceSettings } from '../../../src/engine/tracing/settings.ts';
import type { PromptTrace } from '../../../src/engine/tracing/trace.ts';
import { expectBelow } from '../compare.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

/** What trace_oracle.py writes; tests/reference/README.md says what each number is. */
export interface TraceGolden {
  samples: number;
  window: number;
  noise: number;
  gaussian: { first: number[]; at: number; then: number[] };
  traces: {
    prompt: string;
    subject: string;
    ids: number[];
    subjectRange: [number, number];
    answer: number;
    high: number;
    low: number;
    grids: (GridSpec & { scores: number[][]; says: number[][] })[];
  }[];
}

export function settingsOf({ samples, window, noise }: TraceGolden): TraceSettings {
  const kinds: TraceSettings['kinds'] = ['hidden', 'mlp', 'attention'];
  return { kinds, severed: true, samples, window, noise, seed: 1, generator: 'numpy1' };
}

export function worstOf(actual: readonly (readonly number[])[], expected: readonly (readonly number[])[]): number {
  expect(actual.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  return Math.max(...expected.flatMap((row, i) => row.map((value, j) => Math.abs(actual[i][j] - value))));
}

/** @param name of the model, in the quantities that are printed */
export function testTraceParity(name: string, oracle: TraceGolden, open: () => Promise<ModelSession>): void {
  let bench: ModelSession;

  beforeAll(async () => {
    bench = await open();
  });

  afterAll(() => bench.dispose());

  it.each(oracle.traces)('traces “$prompt” of $subject', async (expected) => {
    const { ids, subject } = bench.tracer.locate(expected);
    expect(ids).toEqual(expected.ids);
    expect(subject).toEqual(expected.subjectRange);
    const trace: PromptTrace = await bench.tracer.trace(expected, settingsOf(oracle), bench.model.weights, {});
    expect(trace.answer).toBe(expected.answer);
    expectBelow(`${name}: P(answer), clean`, Math.abs(trace.high - expected.high), 1e-4);
    expectBelow(`${name}: P(answer), corrupted`, Math.abs(trace.low - expected.low), 1e-4);
    expect(trace.grids).toEqual(expected.grids.map(({ kind, severed }) => ({ kind, severed })));
    expected.grids.forEach(({ kind, severed, scores, says }, grid) => {
      expectBelow(`${name}: scores, ${kind}, severed ${severed}`, worstOf(trace.scores[grid], scores), 1e-4);
      expect(trace.says[grid]).toEqual(says);
    });
  });
}
