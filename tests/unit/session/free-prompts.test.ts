/** Free prompts asked of two models: many as one by one, drawn with a seed, and refused by number. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import { compareFree } from '../../../src/engine/session/asking.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { DEMO_MODEL, openModel } from '../support.ts';

let session: ModelSession;
beforeAll(async () => {
  session = await openModel(DEMO_MODEL);
});
afterAll(() => session.dispose());

const prompts = ['The mother tongue of Jean Gaven is', 'Steve Jobs works for', 'iPhone 5 is made by'];

it('of several are those of each alone, and of an unedited model both sides are the same', async () => {
  const steps: number[] = [];
  const together = await compareFree(session, prompts, { onProgress: (done) => steps.push(done) });
  expect(together.map(({ prompt }) => prompt)).toEqual(prompts);
  expect(steps).toEqual([0, 3]);
  for (const { before, after, continuationBefore, continuationAfter } of together) {
    expect(after).toEqual(before);
    expect(continuationAfter).toBe(continuationBefore);
  }
  const [alone] = await compareFree(session, [prompts[1]]);
  expect(alone.continuationBefore).toBe(together[1].continuationBefore);
  expect(alone.before[0].token).toBe(' Apple');
  expect(alone.continuationBefore).toMatch(/^ Apple/);
});

it('are drawn alike with a seed, on both sides, and otherwise with another', async () => {
  const draw = async (sampleSeed: number): Promise<string[]> =>
    (await compareFree(session, prompts, { sampleSeed })).map(({ continuationBefore, continuationAfter }) => {
      expect(continuationAfter).toBe(continuationBefore);
      return continuationBefore;
    });
  const first = await draw(1);
  expect(await draw(1)).toEqual(first);
  const others: string[][] = [];
  for (const seed of [2, 3, 4]) others.push(await draw(seed));
  expect(new Set([first, ...others].map((texts) => texts.join('|'))).size).toBeGreaterThan(1);
});

it('that cannot be read are named, and a cancel is heard', async () => {
  const long = 'word '.repeat(session.model.config.contextLength + 1);
  await expect(compareFree(session, [prompts[0], long])).rejects.toMatchObject({
    message: expect.stringMatching(/^Prompt 2: The prompt takes/) as string,
  });
  const signal = AbortSignal.abort();
  await expect(compareFree(session, prompts, { job: { signal } })).rejects.toBeInstanceOf(CancelledError);
});
