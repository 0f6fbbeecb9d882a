/** zsRE's metrics against the PyTorch oracle: every token of every answer, and the three shares. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importRecords } from '../../../src/engine/evaluation/import.ts';
import { metricsOf } from '../../../src/engine/evaluation/metrics.ts';
import { evaluateRecords, type RecordLosses } from '../../../src/engine/evaluation/record-losses.ts';
import { PROMPT_GROUPS, type PromptGroup } from '../../../src/engine/evaluation/records.ts';
import { referenceForm } from '../../../src/engine/evaluation/report.ts';
import { expectBelow } from '../compare.ts';
import { DEMO_MODEL, golden, openModel, scaledWeights } from '../support.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

interface ZsreGolden {
  layers: number[];
  scale: number;
  metrics: Record<PromptGroup, { mean: number; interval: number }>;
  score: number;
  records: object[];
  results: Record<PromptGroup, boolean[]>[];
}

const oracle = golden<ZsreGolden>('demo-zsre');
const { records, faults, notes } = importRecords(JSON.stringify(oracle.records));

let bench: ModelSession;
let losses: RecordLosses[];

beforeAll(async () => {
  bench = await openModel(DEMO_MODEL);
  const weights = await scaledWeights(bench.model, oracle.layers, oracle.scale);
  losses = await evaluateRecords(bench.model, bench.tokenizer, weights, records);
  weights.dispose();
});

afterAll(() => bench.dispose());

describe('zsRE', () => {
  it('is read whole', () => {
    expect(records).toHaveLength(oracle.records.length);
    expect([...faults, ...notes]).toEqual([]);
  });

  it('finds the same tokens said as PyTorch', () => {
    losses.forEach((record, i) => {
      for (const group of PROMPT_GROUPS) {
        expect(record[group].flatMap(({ correct }) => correct)).toEqual(oracle.results[i][group]);
      }
    });
  });

  it('gives efficacy, paraphrase and specificity with their intervals, and the score', () => {
    const { groups, score } = metricsOf({ losses, texts: null });
    for (const group of PROMPT_GROUPS) {
      const { success, tokenAccuracy } = groups[group]!;
      expect(success).toBeNull();
      const expected = oracle.metrics[group];
      expectBelow(`zsRE: ${group}`, Math.abs(tokenAccuracy.mean - expected.mean), 1e-7);
      expectBelow(`zsRE: interval of ${group}`, Math.abs(tokenAccuracy.interval - expected.interval), 1e-7);
    }
    expectBelow('zsRE: score', Math.abs(score!.mean - oracle.score), 1e-7);
  });

  it('is written in the reference’s form, a flag a token', () => {
    const assessment = { losses, texts: null };
    const form = referenceForm({
      model: '',
      modelHash: '',
      patches: [],
      edits: 0,
      leftOut: [],
      records,
      before: assessment,
      after: null,
    });
    const { cases } = form as { cases: { pre: Record<string, unknown> }[] };
    expect(cases[0].pre).toEqual({
      rewrite_prompts_correct: oracle.results[0].rewrite,
      paraphrase_prompts_correct: oracle.results[0].paraphrase,
      neighborhood_prompts_correct: oracle.results[0].neighborhood,
    });
  });
});
