/**
 * What edits of SmolLM2-135M-Instruct do, where MEMIT_REAL_MODEL names its folder: records of CounterFact (rome.baulab.info, MIT licence)
 * whose true object it prefers, with the contexts and statistics of PyTorch's runs, which have ES / PS / NS of 100 / 100 / 93.5 with 20 records
 * and 100 / 94.5 / 86.7 with 100. A hundred take half an hour.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { metricsOf } from '../../../src/engine/evaluation/metrics.ts';
import { PROMPT_GROUPS, recordSchema } from '../../../src/engine/evaluation/records.ts';
import { runBenchmark } from '../../../src/engine/session/benchmark.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import type { MemitGolden } from '../methods/memit/parity.ts';
import { golden, readJson, REAL_MODEL } from '../support.ts';
import { openRealModel, STATISTICS_TOKENS } from './open.ts';

const GOALS = [
  { count: 20, paraphrases: 0.97, neighbours: 0.92 },
  { count: 100, paraphrases: 0.94, neighbours: 0.86 },
];

describe.skipIf(REAL_MODEL === undefined)('SmolLM2-135M', () => {
  const records = z.array(recordSchema).parse(readJson('tests/reference/data/smollm2-records.json'));
  let session: ModelSession;
  beforeAll(async () => {
    session = await openRealModel();
  });
  afterAll(() => session.dispose());

  it.each(GOALS)('takes $count records', async ({ count, paraphrases, neighbours }) => {
    const { contexts } = golden<MemitGolden>('smollm2-memit');
    const { settings } = session.preset('memit');
    const options = { contexts, statisticsTokens: STATISTICS_TOKENS };
    const { evaluation, patch } = await runBenchmark(session, {
      records: records.slice(0, count),
      edit: { method: 'memit', settings, unedited: true, options },
      generation: null,
    });
    session.stack.remove(patch!.id);
    const { groups } = metricsOf(evaluation.after!);
    const [efficacy, generalisation, specificity] = PROMPT_GROUPS.map((group) => groups[group]!.success!.mean);
    if (process.env.SHOW_MEASURED) {
      console.log(`SmolLM2, ${count} records: ES ${efficacy}, PS ${generalisation}, NS ${specificity}`);
    }
    expect(efficacy).toBe(1);
    expect(generalisation).toBeGreaterThanOrEqual(paraphrases);
    expect(specificity).toBeGreaterThanOrEqual(neighbours);
  });
});
