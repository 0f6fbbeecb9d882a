/** The trace that is shown while a model loads is what the demo model's trace comes to. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exampleTrace } from '../../../scripts/example-trace.ts';
import shown from '../../../src/app/trace/example-trace.json' with { type: 'json' };
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { DEMO_MODEL, openModel } from '../support.ts';

let session: ModelSession;
beforeAll(async () => {
  session = await openModel(DEMO_MODEL);
});
afterAll(() => session.dispose());

it('is not out of date: npx tsx scripts/example-trace.ts', async () => {
  const { scores, answer, corrupted, ...words } = await exampleTrace(session);
  expect(shown).toMatchObject(words);
  expect(shown.answer.token).toBe(answer.token);
  expect(shown.answer.probability).toBeCloseTo(answer.probability, 3);
  expect(shown.corrupted).toBeCloseTo(corrupted, 3);
  scores.forEach((row, token) =>
    row.forEach((score, layer) => expect(Math.abs(shown.scores[token][layer] - score)).toBeLessThan(2e-3)),
  );
});
