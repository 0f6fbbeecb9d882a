/** CounterFact's metrics: every prompt's losses and every metric against the PyTorch oracle, and by hand. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateRecords, type PromptLosses, type RecordLosses } from '../../../src/engine/evaluation/record-losses.ts';
import { metricsOf, type EvaluationMetrics } from '../../../src/engine/evaluation/metrics.ts';
import { importRecords } from '../../../src/engine/evaluation/import.ts';
import { PROMPT_GROUPS, type EvaluationRecord, type PromptGroup } from '../../../src/engine/evaluation/records.ts';
import { scoreAnswers } from '../../../src/engine/evaluation/score.ts';
import { CancelledError, RequestError } from '../../../src/engine/errors.ts';
import { argmax, logProbability } from '../../../src/engine/model/sampling.ts';
import { caseFiles } from '../../../src/engine/evaluation/report.ts';
import { expectBelow } from '../compare.ts';
import { DEMO_MODEL, golden, nextTokenLogits, openModel, scaledWeights } from '../support.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

interface EvaluationGolden {
  layers: number[];
  scale: number;
  metrics: {
    groups: Record<PromptGroup, Record<'success' | 'magnitude' | 'accuracy', { mean: number; interval: number }>>;
    score: number;
  };
  records: Record<PromptGroup, { targetNew: number[]; targetTrue: number[]; correct: boolean[] }>[];
}

const oracle = golden<EvaluationGolden>('demo-evaluation');
const benchmark: unknown = JSON.parse(readFileSync(`${DEMO_MODEL}/benchmark.json`, 'utf8'));
const { records } = importRecords(JSON.stringify((benchmark as unknown[]).slice(0, oracle.records.length)));

let bench: ModelSession;

beforeAll(async () => {
  bench = await openModel(DEMO_MODEL);
});

afterAll(() => bench.dispose());

describe('against PyTorch', () => {
  let losses: RecordLosses[];

  beforeAll(async () => {
    const { model, tokenizer } = bench;
    const weights = await scaledWeights(model, oracle.layers, oracle.scale);
    losses = await evaluateRecords(model, tokenizer, weights, records);
    weights.dispose();
  });

  it('gives both objects’ losses after every prompt', () => {
    expect(losses.length).toBe(oracle.records.length);
    let worst = 0;
    losses.forEach((record, i) => {
      for (const group of PROMPT_GROUPS) {
        const expected = oracle.records[i][group];
        expect(record[group].map(({ correct }) => correct.every(Boolean))).toEqual(expected.correct);
        record[group].forEach(({ targetNew, targetTrue }, p) => {
          worst = Math.max(
            worst,
            Math.abs(targetNew! - expected.targetNew[p]),
            Math.abs(targetTrue! - expected.targetTrue[p]),
          );
        });
      }
    });
    expectBelow('demo: losses of 50 CounterFact records', worst, 1e-4);
  });

  it('gives every metric with its interval', () => {
    const metrics = metricsOf({ losses, texts: null });
    for (const group of PROMPT_GROUPS) {
      for (const name of ['success', 'magnitude', 'accuracy'] as const) {
        const [actual, expected] = [metrics.groups[group]![name]!, oracle.metrics.groups[group][name]];
        expectBelow(`demo: ${name} of ${group}`, Math.abs(actual.mean - expected.mean), 1e-6);
        expectBelow(`demo: interval of ${name} of ${group}`, Math.abs(actual.interval - expected.interval), 1e-6);
        expect(actual.records).toBe(records.length);
      }
    }
    expectBelow('demo: score', Math.abs(metrics.score!.mean - oracle.metrics.score), 1e-6);
  });
});

describe('case files', () => {
  /** As the reference's summarize.py reads a folder: by name, then by the losses of every prompt. */
  function summarize(files: ReturnType<typeof caseFiles>, key: PromptGroup): number {
    const found = files.filter(({ name }) => /case_\d+\.json$/.test(name));
    const shares = found.map(({ content }) => {
      const { pre } = JSON.parse(content) as {
        pre: Record<string, { target_new: number; target_true: number }[]>;
      };
      const wins = pre[`${key}_prompts_probs`].map(({ target_new: fresh, target_true: truth }) =>
        key === 'neighborhood' ? truth < fresh : fresh < truth,
      );
      return wins.filter(Boolean).length / wins.length;
    });
    return shares.reduce((sum, share) => sum + share, 0) / shares.length;
  }

  const losses = (fresh: number): RecordLosses => ({
    rewrite: [{ targetNew: fresh, targetTrue: 1, correct: [true] }],
    paraphrase: [{ targetNew: fresh, targetTrue: 2, correct: [true] }],
    neighborhood: [{ targetNew: fresh, targetTrue: 1, correct: [true] }],
  });
  const evaluation = {
    model: 'demo',
    modelHash: '',
    patches: ['one'],
    edits: 3,
    leftOut: [],
    records: records.slice(0, 2),
    before: { losses: [losses(0.5), losses(1.5)], texts: null },
    after: null,
  };

  it('are read as the summary has it', () => {
    const files = caseFiles(evaluation);
    expect(files.map(({ name }) => name)).toEqual(
      records.slice(0, 2).map((record) => `3_edits-case_${record.case_id}.json`),
    );
    const { groups } = metricsOf(evaluation.before);
    for (const group of PROMPT_GROUPS) expect(summarize(files, group)).toBe(groups[group]!.success!.mean);
  });

  it('say nothing of prompts that there are none of: the mean of nothing is no number', () => {
    const bare = { ...losses(0.5), paraphrase: [] };
    const [{ content }] = caseFiles({ ...evaluation, before: { losses: [bare, bare], texts: null } });
    const { pre } = JSON.parse(content) as { pre: object };
    expect(Object.keys(pre).filter((key) => key.startsWith('paraphrase'))).toEqual([]);
    expect(pre).toHaveProperty('rewrite_prompts_correct');
  });

  it('are numbered by place where the cases are no numbers, or not each of its own', () => {
    for (const ids of [
      ['a', 'b'],
      [7, 7],
    ]) {
      const named = evaluation.records.map((record, i) => ({ ...record, case_id: ids[i] }));
      expect(caseFiles({ ...evaluation, records: named }).map(({ name }) => name)).toEqual([
        '3_edits-case_0.json',
        '3_edits-case_1.json',
      ]);
    }
  });
});

describe('metrics', () => {
  const prompt = (targetNew: number | null, targetTrue: number | null, ...correct: boolean[]): PromptLosses => ({
    targetNew,
    targetTrue,
    correct,
  });
  const metricsFor = (...losses: RecordLosses[]): EvaluationMetrics => metricsOf({ losses, texts: null });

  it('are means over records of means over prompts', () => {
    const metrics = metricsFor(
      {
        rewrite: [prompt(0.1, 2, true)],
        paraphrase: [prompt(0.1, 2, true), prompt(3, 1, false)],
        neighborhood: [prompt(3, 1, true)],
      },
      { rewrite: [prompt(2, 1, false)], paraphrase: [prompt(1, 2, false)], neighborhood: [] },
    );
    const { rewrite, paraphrase, neighborhood } = metrics.groups;
    expect(rewrite!.success!.mean).toBe(0.5);
    // (1, 0): deviation √½, n = 2.
    expect(rewrite!.success!.interval).toBeCloseTo((1.96 * Math.SQRT1_2) / Math.SQRT2, 12);
    expect(paraphrase!.success!.mean).toBe(0.75);
    expect(paraphrase!.accuracy.mean).toBe(0.25);
    expect(neighborhood!.success).toEqual({
      mean: 1,
      interval: 0,
      low: expect.closeTo(0.2065, 4) as number,
      high: 1,
      records: 1,
    });
    expect(neighborhood!.magnitude!.mean).toBeCloseTo(Math.exp(-1) - Math.exp(-3), 12);
    expect(metrics.score!.mean).toBeCloseTo(3 / (2 + 4 / 3 + 1), 12);
  });

  it('count tokens where there is one object only, and score by them', () => {
    const { groups, score } = metricsFor({
      rewrite: [prompt(1, null, true, true, false, false)],
      paraphrase: [prompt(1, null, true, false), prompt(1, null, true, true)],
      neighborhood: [prompt(null, 2, true)],
    });
    expect(groups.rewrite!.tokenAccuracy.mean).toBe(0.5);
    expect(groups.rewrite!.accuracy.mean).toBe(0);
    expect(groups.rewrite!.success).toBeNull();
    expect(groups.paraphrase!.tokenAccuracy.mean).toBe(0.75);
    expect(groups.neighborhood!.tokenAccuracy.mean).toBe(1);
    expect(score!.mean).toBeCloseTo(3 / (2 + 4 / 3 + 1), 12);
  });

  it('have no score where only some prompts have two objects', () => {
    const { groups, score } = metricsFor({
      rewrite: [prompt(1, 2, true)],
      paraphrase: [prompt(1, 2, true)],
      neighborhood: [prompt(null, 2, true)],
    });
    expect(groups.neighborhood!.magnitude).toBeNull();
    expect(score).toBeNull();
  });

  it('are none for prompts there are none of', () => {
    const metrics = metricsFor({ rewrite: [prompt(1, 2, true)], paraphrase: [], neighborhood: [] });
    expect(metrics.groups.paraphrase).toBeNull();
    expect(metrics.score).toBeNull();
  });

  it('have no score to be had from nothing', () => {
    const lost = {
      rewrite: [prompt(2, 1, false)],
      paraphrase: [prompt(1, 2, true)],
      neighborhood: [prompt(2, 1, true)],
    };
    // One record: its end of the interval is that of 0 of 1.
    expect(metricsFor(lost).score).toMatchObject({ mean: 0, low: 0 });
    expect(metricsFor(lost).score!.high).toBeGreaterThan(0.5);
  });
});

describe('answers that share rows', () => {
  it('have the scores of rows of their own, whichever begin alike', async () => {
    const { model, tokenizer } = bench;
    const encode = (text: string): number[] => tokenizer.encode(text, { special: false });
    const prompts = ['The capital of France is', 'The capital of'].map(encode);
    const answers = [' Paris', ' Paris in', ' France is', ' Rome'].map(encode);
    const items = prompts.flatMap((promptIds) => answers.map((answerIds) => ({ promptIds, answerIds })));
    const scores = await scoreAnswers(model, model.weights, items);
    for (const [i, { promptIds, answerIds }] of items.entries()) {
      const rows = answerIds.map((_, t) => [...promptIds, ...answerIds.slice(0, t)]);
      const logits = await nextTokenLogits(model, model.weights, rows);
      const expected = answerIds.reduce((sum, id, t) => sum + logProbability(logits[t], id), 0);
      expect(Math.abs(scores[i].logProbability - expected)).toBeLessThan(1e-4);
      expect(scores[i].says).toBe(answerIds.every((id, t) => argmax(logits[t]) === id));
      expect(scores[i].top[0].id).toBe(argmax(logits[0]));
    }
  });
});

describe('records', () => {
  it('with a prompt too long are refused with its length', async () => {
    const long: EvaluationRecord = { ...records[0], paraphrase_prompts: ['and so '.repeat(80)] };
    const run = evaluateRecords(bench.model, bench.tokenizer, bench.model.weights, [long]);
    await expect(run).rejects.toThrow(RequestError);
    await expect(run).rejects.toThrow(/the model reads 128/);
  });

  it('stop where they are cancelled', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = evaluateRecords(
      bench.model,
      bench.tokenizer,
      bench.model.weights,
      records,
      { signal: controller.signal },
      (done) => {
        seen.push(done);
        if (done > 0) controller.abort();
      },
    );
    await expect(run).rejects.toThrow(CancelledError);
    expect(seen).toEqual([0, 16]);
  });
});
