/**
 * C = Σ k kᵀ / count over the tokens of a text: the uncentred second moment of the MLP projection's input (Meng et al. 2022,
 * section 3.1; reference: rome/layer_stats.py). Always of the unedited model.
 */
import { EngineError, throwIfCancelled } from '../errors.ts';
import { largest } from '../extent.ts';
import { batchesByLength, batchOf, forwardRows } from '../model/forward.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { scoped, TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { gramSums, type GramSum, type GramSums } from './gram-sum.ts';

export interface SecondMoment {
  /** C, [F, F], on the model's device; the caller disposes it. */
  readonly matrix: Tensor;
  /** Tokens it was taken over. */
  readonly tokens: number;
  /** Whether these are all the tokens that its source has. */
  readonly complete: boolean;
}

export interface SecondMomentOptions {
  /** Tokens that are enough; the documents are taken in order, whole. All of them when absent. */
  tokens?: number;
  /** Second moments over the first documents, to go on from; they stay the caller's. */
  known?: ReadonlyMap<number, SecondMoment>;
  signal?: AbortSignal;
  /** Called after every batch, with the tokens behind the matrices. */
  onProgress?: (doneTokens: number, totalTokens: number) => void | Promise<void>;
}

/**
 * Tokens after which C of [F, F] is good enough to edit with: ten a row, so that it is far from singular. Published measurements
 * find that far fewer than the reference's 100,000 documents suffice.
 */
export function enoughTokens(size: number): number {
  return 10 * size;
}

/**
 * Second moments of several layers in one pass over the text.
 * @param documents token ids per document, each cut to the model's context; empty ones are passed over. No more are asked for than it takes
 * @throws EngineError ('statistics') when there is no token at all; CancelledError
 */
export async function computeSecondMoments(
  model: LanguageModel,
  documents: Iterable<readonly number[]>,
  layers: readonly number[],
  options: SecondMomentOptions = {},
): Promise<Map<number, SecondMoment>> {
  const { intermediateSize, contextLength } = model.config;
  const { tokens = Infinity, known } = options;
  const groups = groupsOf(layers, known);
  const wanted = Math.max(tokens, largest(groups.map((group) => group.tokens)));
  const taken = takeDocuments(documents, contextLength, wanted);
  if (taken.rows.length === 0) throw new EngineError('statistics', 'The text for the statistics holds no token.');
  const sums = await gramSums(model.runtime, model.linalg, intermediateSize);
  try {
    const moments = new Map<number, SecondMoment>();
    for (const group of groups) {
      for (const [layer, moment] of await addDocuments(model, taken, group, sums, options)) moments.set(layer, moment);
    }
    return moments;
  } finally {
    await sums.release();
  }
}

export interface TakenDocuments {
  /** Token ids, none empty. */
  readonly rows: readonly (readonly number[])[];
  /** Whether there are no more. */
  readonly complete: boolean;
}

/** Documents from the first on, cut to the context, until they have so many tokens. */
export function takeDocuments(
  documents: Iterable<readonly number[]>,
  contextLength: number,
  tokens: number,
): TakenDocuments {
  const rows: (readonly number[])[] = [];
  let taken = 0;
  for (const ids of documents) {
    if (ids.length === 0) continue;
    if (taken >= tokens) return { rows, complete: false };
    const row = ids.slice(0, contextLength);
    rows.push(row);
    taken += row.length;
  }
  return { rows, complete: true };
}

/** Layers with the same tokens behind them, which lack the same documents. */
interface LayerGroup {
  /** Behind every moment of the group; 0 where there is none yet. */
  readonly tokens: number;
  readonly layers: Map<number, SecondMoment | undefined>;
}

function groupsOf(layers: readonly number[], known?: ReadonlyMap<number, SecondMoment>): LayerGroup[] {
  const groups = new Map<number, LayerGroup>();
  for (const layer of layers) {
    const moment = known?.get(layer);
    const tokens = moment?.tokens ?? 0;
    const group = groups.get(tokens) ?? { tokens, layers: new Map<number, SecondMoment | undefined>() };
    groups.set(tokens, group);
    group.layers.set(layer, moment);
  }
  return [...groups.values()];
}

/** Runs the documents that a group lacks and adds their keys. */
async function addDocuments(
  model: LanguageModel,
  { rows, complete }: TakenDocuments,
  group: LayerGroup,
  sums: GramSums,
  { tokens: wanted = Infinity, signal, onProgress }: SecondMomentOptions,
): Promise<Map<number, SecondMoment>> {
  const { from, to, startTokens, tokens } = chooseDocuments(rows, group.tokens, wanted);
  const last = largest(group.layers.keys());
  const scope = new TensorScope();
  try {
    const layers = new Map<number, GramSum>();
    for (const [layer, moment] of group.layers) {
      const start = startTokens > 0 && moment ? { matrix: moment.matrix, factor: startTokens } : undefined;
      layers.set(layer, scope.track(await sums.create(start)));
    }
    let done = startTokens;
    const rest = rows.slice(from, to);
    for (const indices of batchesByLength(rest)) {
      throwIfCancelled(signal);
      const batch = batchOf(indices.map((index) => rest[index]));
      const hidden = await forwardRows(model, model.weights, batch, {
        through: last,
        taps: (layer) => (layers.has(layer) ? [BLOCK_OUTPUTS.key] : []),
        onTap: async (layer, outputs) => {
          await addTokens(model, outputs[BLOCK_OUTPUTS.key]!, batch.rows, layers.get(layer)!);
        },
        signal,
      });
      hidden.dispose();
      done += batch.rows.reduce((sum, ids) => sum + ids.length, 0);
      await onProgress?.(done, tokens);
    }
    const moments = new Map<number, SecondMoment>();
    for (const [layer, sum] of layers) {
      moments.set(layer, { matrix: await sum.scaled(1 / tokens), tokens, complete: complete && to === rows.length });
    }
    return moments;
  } finally {
    scope.dispose();
  }
}

interface DocumentRange {
  readonly from: number;
  readonly to: number;
  /** Of the documents before `from`. */
  readonly startTokens: number;
  /** Of the documents before `to`. */
  readonly tokens: number;
}

/** The documents after the first `known` tokens, until there are `wanted`; from the first on where `known` ends inside one. */
function chooseDocuments(rows: readonly (readonly number[])[], known: number, wanted: number): DocumentRange {
  let [from, startTokens, to, tokens] = [0, 0, 0, 0];
  while (to < rows.length && (tokens < wanted || tokens < known)) {
    tokens += rows[to].length;
    to += 1;
    if (tokens === known) [from, startTokens] = [to, tokens];
  }
  return { from, to, startTokens, tokens };
}

/** Adds the keys of real tokens, not of padding, to the sum. */
async function addTokens(
  model: LanguageModel,
  keys: Tensor,
  rows: readonly (readonly number[])[],
  sum: GramSum,
): Promise<void> {
  const [batch, length, width] = keys.dims;
  const flat = keys.reshaped([batch * length, width]);
  const real = rows.flatMap((ids, r) => ids.map((_, t) => r * length + t));
  await scoped(async (scope) => {
    const index = scope.track(model.runtime.device.upload(Int32Array.from(real), [real.length]));
    await sum.add(scope.track(await model.linalg.gatherRows(flat, index)));
  });
}
