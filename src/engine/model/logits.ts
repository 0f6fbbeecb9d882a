/** Logits after chosen tokens of many rows, in batches; rows that begin alike share the keys and values of what they have in common. */
import { throwIfCancelled } from '../errors.ts';
import { largest } from '../extent.ts';
import type { ModelConfig } from '../families/family.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { batchesByLength, batchOf, forwardRows, gatherTokens, TOKENS_PER_BATCH } from './forward.ts';
import { cachedTokens, KeyValueCache } from './key-value-cache.ts';
import type { LanguageModel } from './language-model.ts';
import type { WeightSet } from './weight-set.ts';

/** Bytes of logits that are computed and read back at once. */
const LOGIT_BYTES = 64 * 2 ** 20;

/** Places whose logits [V] are taken at once. */
export function logitsAtOnce({ vocabularySize }: ModelConfig): number {
  return Math.max(1, Math.floor(LOGIT_BYTES / (4 * vocabularySize)));
}

/** A row whose logits are wanted after each of its tokens from index `from` on. */
export interface LogitRow {
  readonly ids: readonly number[];
  readonly from: number;
}

/** Gets the row's index, the token's, and logits [V] that are overwritten later. */
export type VisitLogits = (row: number, token: number, logits: Float32Array) => void;

/** Hands out the logits after each wanted token, in batches of rows of similar length. */
export async function visitLogits(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly LogitRow[],
  visit: VisitLogits,
  signal?: AbortSignal,
): Promise<void> {
  const { single, shared } = groupByPrefix(rows);
  for (const indices of batchesByLength(single.map((row) => rows[row].ids))) {
    throwIfCancelled(signal);
    const some = indices.map((index) => single[index]);
    await scoped(async (scope) => {
      const hidden = scope.track(
        await forwardRows(model, weights, batchOf(some.map((row) => rows[row].ids)), { signal }),
      );
      const places = some.flatMap((row, at) =>
        tokensFrom(rows[row]).map((token) => ({ at, row, token, place: token })),
      );
      await visitPlaces(model, weights, hidden, places, visit);
    });
  }
  if (shared.length === 0) return;
  const longest = largest(shared.map(({ prefix }) => prefix.length));
  const tokens = Math.min(TOKENS_PER_BATCH, cachedTokens(model.config, longest));
  for (const indices of batchesByLength(
    shared.map(({ prefix }) => prefix),
    tokens,
  )) {
    throwIfCancelled(signal);
    const some = indices.map((index) => shared[index]);
    await visitShared(model, weights, rows, some, visit, signal);
  }
}

/** Hands out the logits after the last token of every row. */
export async function visitNextTokens(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
  visit: (row: number, logits: Float32Array) => void,
  signal?: AbortSignal,
): Promise<void> {
  const last = rows.map((ids) => ({ ids, from: ids.length - 1 }));
  await visitLogits(
    model,
    weights,
    last,
    (row, _, logits) => {
      visit(row, logits);
    },
    signal,
  );
}

/** Rows that begin with the same tokens, up to the first one whose logits are wanted. */
interface SharedPrefix {
  readonly prefix: readonly number[];
  readonly rows: readonly number[];
}

/** Which rows run alone, and which share a prefix; one is shared where it is longer than what follows it in any of the rows. */
function groupByPrefix(rows: readonly LogitRow[]): { single: number[]; shared: SharedPrefix[] } {
  const groups = new Map<string, number[]>();
  rows.forEach(({ ids, from }, row) => {
    const key = ids.slice(0, from + 1).join();
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  });
  const single: number[] = [];
  const shared: SharedPrefix[] = [];
  for (const group of groups.values()) {
    const length = rows[group[0]].from + 1;
    const worthwhile = group.length > 1 && group.every((row) => rows[row].ids.length < 2 * length);
    if (worthwhile) shared.push({ prefix: rows[group[0]].ids.slice(0, length), rows: group });
    else for (const row of group) single.push(row);
  }
  return { single: single.sort((a, b) => a - b), shared };
}

async function visitShared(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly LogitRow[],
  groups: readonly SharedPrefix[],
  visit: VisitLogits,
  signal?: AbortSignal,
): Promise<void> {
  await scoped(async (scope) => {
    const opened = await KeyValueCache.open(model, weights, batchOf(groups.map(({ prefix }) => prefix)), signal);
    const cache = scope.track(opened.cache);
    const hidden = scope.track(opened.hidden);
    const ends = groups.map(({ prefix }, at) => ({ at, row: at, token: 0, place: prefix.length - 1 }));
    await visitPlaces(model, weights, hidden, ends, (group, _, logits) => {
      for (const row of groups[group].rows) visit(row, rows[row].from, logits);
    });
    const suffixes = groups.flatMap(({ prefix, rows: group }, at) =>
      group.map((row) => ({ at, row, ids: rows[row].ids.slice(prefix.length) })),
    );
    const longer = suffixes.filter(({ ids }) => ids.length > 0);
    if (longer.length === 0) return;
    const selected = scope.track(await cache.select(longer.map(({ at }) => at)));
    const after = scope.track(await selected.extend(batchOf(longer.map(({ ids }) => ids)), { keep: false, signal }));
    const places = longer.flatMap(({ row, ids }, at) =>
      ids.map((_, place) => ({ at, row, token: rows[row].from + 1 + place, place })),
    );
    await visitPlaces(model, weights, after, places, visit);
  });
}

/** Tells the visitor the logits at places of hidden states [batch, sequence, D], by `row` and `token`. */
export async function visitPlaces(
  model: LanguageModel,
  weights: WeightSet,
  hidden: Tensor,
  places: readonly { readonly at: number; readonly place: number; readonly row: number; readonly token: number }[],
  visit: VisitLogits,
): Promise<void> {
  const atOnce = logitsAtOnce(model.config);
  for (let start = 0; start < places.length; start += atOnce) {
    const some = places.slice(start, start + atOnce);
    const logits = await logitsAt(
      model,
      weights,
      hidden,
      some.map(({ place }) => place),
      some.map(({ at }) => at),
    );
    some.forEach(({ row, token }, i) => {
      visit(row, token, logits[i]);
    });
  }
}

/** Logits [V] at one place of each of `rows` (of all of them in turn when absent) of hidden states [batch, sequence, D]. */
export async function logitsAt(
  model: LanguageModel,
  weights: WeightSet,
  hidden: Tensor,
  places: readonly number[],
  rows?: readonly number[],
): Promise<Float32Array[]> {
  const width = model.config.vocabularySize;
  return scoped(async (scope) => {
    const states = scope.track(await gatherTokens(model, hidden, places, rows));
    const logits = await readFloats(model.runtime.device, scope.track(await model.logits(weights, states)));
    return places.map((_, i) => logits.subarray(i * width, (i + 1) * width));
  });
}

function tokensFrom({ ids, from }: LogitRow): number[] {
  return ids.slice(from).map((_, i) => from + i);
}
