/** Runs in a row, finished, failed and cancelled, leave nothing behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { runEdit } from '../../../src/engine/session/editing.ts';
import { openTiny } from '../tiny.ts';

const settings = {
  layers: [1],
  steps: 2,
  learningRate: 0.5,
  weightDecay: 0.5,
  clampNormFactor: 0.75,
  klFactor: 0.0625,
  covarianceWeight: 10,
  seed: 3,
};
const contexts = ['{}'];
const request = { prompt: 'The capital of {} is', subject: 'the land', targetNew: 'on' };
const RUNS = 200;
/** By then everything that is made once is made. */
const WARM = 40;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that are in use, of arrays and of all else. */
function used(): number {
  collectGarbage();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

it(`${RUNS} of them take no more memory than the first ${WARM}`, async () => {
  const session = await openTiny();
  let before = 0;
  for (let run = 0; run < RUNS; run += 1) {
    if (run === WARM) before = used();
    const abort = new AbortController();
    if (run % 4 === 3) abort.abort();
    const change = run % 4 === 2 ? { weightDecay: 1e308 } : {};
    const made = await runEdit(
      session,
      [request],
      { ...settings, ...change },
      {
        contexts,
        job: { signal: abort.signal },
      },
    ).catch(() => null);
    expect(made !== null).toBe(run % 4 < 2);
    if (!made) continue;
    session.stack.push(made);
    await session.weights();
    session.stack.remove(made.id);
    await session.weights();
  }
  // A patch of this model has some 3 kB, its weights 20 kB: a leak of either, or of what undo holds without end, would be megabytes.
  expect(used() - before).toBeLessThan(2_000_000);
  await session.dispose();
});
