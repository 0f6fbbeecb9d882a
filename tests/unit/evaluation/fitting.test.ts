/** What of records a model is asked: all that it can read and edit, and a reason for everything else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLAIN_CONTEXT } from '../../../src/engine/targets/contexts.ts';
import { EngineError } from '../../../src/engine/errors.ts';
import { fitRecords } from '../../../src/engine/evaluation/fitting.ts';
import { evaluateRecords } from '../../../src/engine/evaluation/record-losses.ts';
import type { EvaluationRecord } from '../../../src/engine/evaluation/records.ts';
import { DEMO_MODEL, openModel } from '../support.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';

const LONG = 'and so on '.repeat(80);
const record: EvaluationRecord = {
  case_id: 1,
  requested_rewrite: {
    prompt: 'The capital of {} is',
    subject: 'France',
    target_new: { str: 'Rome' },
    target_true: { str: 'Paris' },
  },
  paraphrase_prompts: ['The capital city of France is'],
  neighborhood_prompts: ['The capital of Gaul is', { prompt: 'The capital of Spain is', target: 'Madrid' }],
};
const withRewrite = (change: object): EvaluationRecord => ({
  ...record,
  requested_rewrite: { ...record.requested_rewrite, ...change },
});

describe('fitRecords', () => {
  let bench: ModelSession;
  beforeAll(async () => {
    bench = await openModel(DEMO_MODEL);
  });
  afterAll(() => bench.dispose());

  it('leaves records as they are that the model can read', () => {
    expect(fitRecords(bench, [record], [PLAIN_CONTEXT])).toEqual({ records: [record], leftOut: [] });
  });

  it('leaves out single prompts that are too long, with their answers, and says how many', async () => {
    const long: EvaluationRecord = {
      ...record,
      paraphrase_prompts: [LONG, 'France has the capital'],
      neighborhood_prompts: [{ prompt: 'The capital of Spain is', target: LONG }, 'The capital of Gaul is'],
    };
    const { records, leftOut } = fitRecords(bench, [long], null);
    expect(records).toEqual([
      {
        ...record,
        paraphrase_prompts: ['France has the capital'],
        neighborhood_prompts: ['The capital of Gaul is'],
      },
    ]);
    expect(leftOut).toEqual([
      { caseId: '1', reason: expect.stringMatching(/^2 of its prompts: .* 128 tokens/) as string },
    ]);
    const [losses] = await evaluateRecords(bench.model, bench.tokenizer, bench.model.weights, records);
    expect(losses.paraphrase).toHaveLength(1);
  });

  it('leaves out records whose own prompt is too long, or whose edit cannot be made', () => {
    const tooLong = { ...withRewrite({ prompt: `{} ${LONG}` }), case_id: 2 };
    const twice = { ...withRewrite({ prompt: '{} and {} are' }), case_id: 3 };
    const asked = fitRecords(bench, [tooLong, record, twice], null);
    expect(asked.records).toEqual([record, twice]);
    const edited = fitRecords(bench, [tooLong, record, twice], [PLAIN_CONTEXT]);
    expect(edited.records).toEqual([record]);
    expect(edited.leftOut).toEqual([
      { caseId: '2', reason: expect.stringContaining('128 tokens') as string },
      { caseId: '3', reason: expect.stringContaining('The prompt has 2 {}') as string },
    ]);
    // With a long text before it, the prompt that fits alone does not.
    expect(fitRecords(bench, [record, withRewrite({ subject: 'X' })], [PLAIN_CONTEXT]).leftOut).toEqual([]);
    expect(() => fitRecords(bench, [record], [PLAIN_CONTEXT, `${LONG}. {}`])).toThrow(/with a context before it takes/);
  });

  it('refuses records of which nothing is left', () => {
    expect(() => fitRecords(bench, [withRewrite({ prompt: `{} ${LONG}` })], null)).toThrow(EngineError);
  });
});
