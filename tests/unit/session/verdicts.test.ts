/** What is said of a run's edits: which took, which were so already, what is in the way of the others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EditOutcome } from '../../../src/engine/methods/report.ts';
import { runReportSchema } from '../../../src/engine/methods/report.ts';
import { runEdit } from '../../../src/engine/session/editing.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { verdictsOf } from '../../../src/engine/session/verdicts.ts';
import type { StepLosses } from '../../../src/engine/targets/losses.ts';
import type { EditRequest } from '../../../src/engine/tokens/request.ts';
import { DEMO_MODEL, openModel } from '../support.ts';

const said: EditOutcome = { saidBefore: false, probabilityBefore: 0.01, says: true, probability: 0.98, top: ' Rome' };
const unsaid: EditOutcome = { ...said, says: false, probability: 0.031, top: ' Paris' };
const request = (subject: string, targetNew: string): EditRequest => ({ prompt: '{} lives in', subject, targetNew });

function loss(edit: number, step: number, nll: number): StepLosses {
  return { edit, step, nll, loss: nll, kl: 0, decay: 0, deltaNorm: 1, initialNorm: 2 };
}

describe('verdicts', () => {
  it('tell what took and what was so before', () => {
    const outcomes = [said, { ...said, saidBefore: true }];
    expect(verdictsOf([request('A', 'Rome'), request('B', 'Rome')], { outcomes, losses: [] })).toEqual([
      { status: 'took', reason: '' },
      { status: 'already', reason: '' },
    ]);
  });

  it('tell what comes first instead, a loss that did not fall, and an edit that wants the opposite', () => {
    const requests = [request('A', 'Rome'), request('B', 'Rome'), request('A', 'Oslo')];
    const losses = [loss(0, 0, 8), loss(1, 0, 15.3), loss(0, 1, 0.1), loss(1, 1, 15.2), loss(1, 2, 15.3)];
    const verdicts = verdictsOf(requests, { outcomes: [unsaid, unsaid, said], losses });
    expect(verdicts).toEqual([
      {
        status: 'missed',
        reason: '“Paris” comes first; “Rome” has 3.1 %. Edit 3 wants another object for the same prompt.',
      },
      {
        status: 'missed',
        reason: '“Paris” comes first; “Rome” has 3.1 %. Its loss did not fall in 3 steps (15.3 to 15.3).',
      },
      { status: 'took', reason: '' },
    ]);
  });

  it('of a report that tells none are none', () => {
    expect(verdictsOf([request('A', 'Rome')], { losses: [] })).toBeNull();
    expect(verdictsOf([request('A', 'Rome')], { losses: [], outcomes: [said, said] })).toBeNull();
  });
});

describe('a run on the demo model', () => {
  let bench: ModelSession;
  beforeAll(async () => {
    bench = await openModel(DEMO_MODEL);
  });
  afterAll(() => bench.dispose());

  const apple = { prompt: '{} was created by', subject: 'iPod', targetNew: 'Google' };

  it('that is left no step to take tells what the model says instead', async () => {
    const { settings } = bench.preset('memit');
    const notes: string[] = [];
    const requests = [apple, { ...apple, targetNew: 'Apple' }];
    const patch = await runEdit(
      bench,
      requests,
      { ...settings, steps: 1 },
      {
        contexts: ['{}'],
        onEvent: (event) => {
          if (event.kind === 'note') notes.push(event.text);
        },
      },
    );
    expect(notes).toEqual([]);
    const [google, known] = verdictsOf(requests, runReportSchema.parse(patch.report))!;
    expect(google).toMatchObject({ status: 'missed' });
    expect(google.reason).toMatch(/^“Apple” comes first; “Google” has 0\.\d %\. Edit 2 wants another object/);
    expect(known).toEqual({ status: 'already', reason: '' });
  });

  it('of the last layer alone is refused where no edit can take, before anything is computed', async () => {
    const { settings } = bench.preset('memit');
    const last = bench.model.config.layerCount - 1;
    const events: string[] = [];
    const run = runEdit(
      bench,
      [apple],
      { ...settings, layers: [last] },
      {
        onEvent: ({ kind }) => events.push(kind),
      },
    );
    await expect(run).rejects.toMatchObject({
      code: 'input',
      message: `The edit of “iPod” (1) cannot take. Layer ${last} is the model’s last: no word after the subject reads what it changes there.`,
      next: 'Choose earlier layers, as the preset does.',
    });
    expect(events).toEqual([]);
  });
});
