/** Sweeps: what a value comes to is what a benchmark with it says, and nothing is left behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import { metricsOf } from '../../../src/engine/evaluation/metrics.ts';
import type { EvaluationRecord } from '../../../src/engine/evaluation/records.ts';
import { runBenchmark } from '../../../src/engine/session/benchmark.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { runSweep, type SweepAxis, type SweepPlan } from '../../../src/engine/session/sweep.ts';
import { DEMO_MODEL, openModel } from '../support.ts';

let session: ModelSession;
let records: EvaluationRecord[];
let plan: SweepPlan;

beforeAll(async () => {
  session = await openModel(DEMO_MODEL);
  records = (await session.knowledge.drawRecords(3, 1, {})).records;
  const { settings } = session.preset('memit');
  const axis: SweepAxis = { kind: 'setting', name: 'covarianceWeight', values: [200, 1e6] };
  plan = { records, axis, edit: { method: 'memit', settings: { ...settings, steps: 8 } }, damageFacts: 0, seed: 0 };
});
afterAll(() => session.dispose());

describe('a sweep', () => {
  it('has at each value what a benchmark has, and leaves the stack alone', async () => {
    const seen: number[] = [];
    const result = await runSweep(
      session,
      { ...plan, damageFacts: 12 },
      {},
      {
        onPoint: ({ points }) => seen.push(points.length),
      },
    );
    expect(seen).toEqual([1, 2]);
    expect(session.stack.entries).toHaveLength(0);
    const [weak, strong] = result.points;
    expect(weak.settings.covarianceWeight).toBe(200);
    expect(strong.settings.covarianceWeight).toBe(1e6);
    // With so large a λ nothing is written.
    expect(strong.metrics.groups.rewrite?.success?.mean).toBe(result.before.groups.rewrite?.success?.mean);
    expect(weak.metrics.groups.rewrite!.success!.mean).toBeGreaterThan(strong.metrics.groups.rewrite!.success!.mean);
    expect(weak.damage!.divergence!.mean).toBeGreaterThan(strong.damage!.divergence!.mean);
    expect(result.perplexityBefore).toBeGreaterThan(1);

    const edit = { ...plan.edit, unedited: true };
    const { evaluation } = await runBenchmark(session, { records, edit, generation: null });
    expect(weak.metrics).toEqual(metricsOf(evaluation.after!));
    session.stack.undo();
  });

  it('of numbers of edits takes the first records, and measures those', async () => {
    const axis: SweepAxis = { kind: 'edits', values: [2, 1] };
    const { points, setting } = await runSweep(session, { ...plan, axis });
    expect(setting).toBeNull();
    expect(points.map(({ edits, metrics }) => [edits, metrics.groups.rewrite?.success?.records])).toEqual([
      [2, 2],
      [1, 1],
    ]);
    expect(points[0].damage).toBeNull();
  });

  it.each<[SweepAxis, RegExp]>([
    [{ kind: 'setting', name: 'temperature', values: [1] }, /“temperature” is no setting of memit/],
    [{ kind: 'setting', name: 'covarianceWeight', values: [10, -1] }, /covarianceWeight/],
    [{ kind: 'setting', name: 'layers', values: [[2, 99]] }, /Layer 99 does not exist/],
    [{ kind: 'setting', name: 'steps', values: [] }, /at least one value/],
    [{ kind: 'edits', values: [1, 4] }, /4 edits cannot be made of 3 records/],
    [{ kind: 'edits', values: [1.5] }, /1.5 edits/],
  ])('is refused before it begins: %o', async (axis, message) => {
    await expect(runSweep(session, { ...plan, axis })).rejects.toThrow(message);
  });

  it('that is cancelled has told what it measured', async () => {
    const controller = new AbortController();
    let told = 0;
    const run = runSweep(
      session,
      plan,
      { signal: controller.signal },
      {
        onPoint: ({ points }) => {
          told = points.length;
          controller.abort();
        },
      },
    );
    await expect(run).rejects.toBeInstanceOf(CancelledError);
    expect(told).toBe(1);
    expect(session.stack.entries).toHaveLength(0);
  });
});
