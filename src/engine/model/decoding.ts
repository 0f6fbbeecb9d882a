/** Continuations, token by token: each step runs one token a row, after cached keys and values. */
import { checkpoint, type Job } from '../job.ts';
import { scoped } from '../runtime/scope.ts';
import { batchOf } from './forward.ts';
import { cachedTokens, KeyValueCache } from './key-value-cache.ts';
import type { LanguageModel } from './language-model.ts';
import { logitsAt, logitsAtOnce } from './logits.ts';
import type { WeightSet } from './weight-set.ts';

/** Rows that run together at most: more make a step no faster. */
const ROWS_AT_ONCE = 128;

/**
 * Continues every row by the token `choose` picks from its next-token logits [V], until it returns null, `count` tokens are added
 * or the context is full.
 * @param count tokens to add to each row, or to all
 * @returns the added tokens, per row
 * @throws CancelledError
 */
export async function continueRows(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
  count: number | readonly number[],
  choose: (logits: Float32Array, row: number) => number | null,
  job: Job = {},
): Promise<number[][]> {
  const { contextLength } = model.config;
  const added = rows.map((): number[] => []);
  const wanted = rows.map((row, r) =>
    Math.min(typeof count === 'number' ? count : count[r], contextLength - row.length),
  );
  const longest = rows.reduce((most, row, r) => Math.max(most, row.length + Math.max(0, wanted[r])), 1);
  const cached = Math.floor(cachedTokens(model.config, longest) / longest);
  const atOnce = Math.min(ROWS_AT_ONCE, cached, logitsAtOnce(model.config));
  // Rows of similar length together: padding is attended to by nobody, but computed.
  const order = rows
    .map((_, r) => r)
    .filter((r) => wanted[r] > 0)
    .sort((a, b) => rows[a].length - rows[b].length);
  for (let at = 0; at < order.length; at += atOnce) {
    await continueBatch(model, weights, rows, order.slice(at, at + atOnce), wanted, choose, added, job);
  }
  return added;
}

/** Continues the rows whose indices are in `batch`, and writes their tokens to `added`. */
async function continueBatch(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
  batch: readonly number[],
  wanted: readonly number[],
  choose: (logits: Float32Array, row: number) => number | null,
  added: readonly number[][],
  job: Job,
): Promise<void> {
  await scoped(async (scope) => {
    const prompts = batchOf(batch.map((r) => rows[r]));
    const opened = await KeyValueCache.open(model, weights, prompts, job.signal);
    let cache = scope.track(opened.cache);
    let hidden = scope.track(opened.hidden);
    let active = [...batch];
    let places = active.map((r) => rows[r].length - 1);
    for (;;) {
      await checkpoint(job);
      const logits = await logitsAt(model, weights, hidden, places);
      scope.drop(hidden);
      const next = active.map((r, i) => choose(logits[i], r));
      next.forEach((token, i) => {
        if (token !== null) added[active[i]].push(token);
      });
      const staying = active.flatMap((r, i) => (next[i] !== null && added[r].length < wanted[r] ? [i] : []));
      if (staying.length === 0) return;
      if (staying.length < active.length) {
        const smaller = scope.track(await cache.select(staying));
        scope.drop(cache);
        cache = smaller;
      }
      active = staying.map((i) => active[i]);
      const last = batchOf(active.map((r) => added[r].slice(-1)));
      hidden = scope.track(await cache.extend(last, { keep: true, signal: job.signal }));
      places = active.map(() => 0);
    }
  });
}
