/**
 * How far the change of a patch reaches: what ΔW adds to a layer's output for the keys of its edits, of their neighbours and of ordinary
 * text, and how alike the edits' keys are where it counts. MEMIT's update minimises the change over ordinary keys, whose second moments
 * C are (Meng et al. 2023, section 4.2).
 */
import { EngineError } from '../errors.ts';
import { smallest } from '../extent.ts';
import { checkpoint, type Job } from '../job.ts';
import { backwardSteps, factorSteps, forwardSteps, inOneGo } from '../linalg/dense.ts';
import { largestSingularValues } from '../linalg/singular-values.ts';
import { projectionOf } from '../families/family.ts';
import { runReportSchema } from '../methods/report.ts';
import { batchesByLength, batchOf, forwardRows, gatherTokens } from '../model/forward.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { applyPatches, deltaMatrix } from '../patches/apply.ts';
import type { Patch } from '../patches/patch.ts';
import type { WeightDelta } from '../patches/weight-delta.ts';
import { readFloats, type Device } from '../runtime/device.ts';
import { scoped } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { locateSubject } from '../tokens/lookup.ts';
import type { EditRequest } from '../tokens/request.ts';
import type { ModelSession } from './session.ts';

/** Of values that are 0 or more: quartiles and the largest. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
  readonly most: number;
  readonly count: number;
}

export interface LayerReach {
  readonly layer: number;
  /** ‖ΔW k‖ / ‖W k‖ over keys of each kind; null where there are none. */
  readonly edits: Spread;
  readonly neighbours: Spread | null;
  readonly text: Spread | null;
  /**
   * Cosine of the edits' keys in the metric of C⁻¹, [edits, edits]: near ±1, ΔW cannot tell them apart. Null where the layer's statistics
   * are not at hand.
   */
  readonly likeness: number[][] | null;
  /** The largest singular values of ΔW, largest first; their squares are shares of ‖ΔW‖². */
  readonly singularValues: readonly number[];
  /** ‖ΔW‖ (Frobenius). */
  readonly norm: number;
}

export interface Reach {
  readonly layers: readonly LayerReach[];
  /** Edits that were measured, the first ones of the patch. */
  readonly edits: number;
}

/** More say nothing new, and their likeness could not be seen. */
const MOST_EDITS = 64;
const NEIGHBOURS_PER_EDIT = 3;
/** Singular values that are asked for. */
const MOST_VALUES = 16;
const DOCUMENTS = 16;
const DOCUMENT_TOKENS = 96;

/** Tokens whose keys are taken: of each row those from `from` on. */
interface KeyRow {
  readonly ids: readonly number[];
  readonly from: number;
}

type Kind = 'edits' | 'neighbours' | 'text';

/**
 * @throws PatchError for an unknown patch; EngineError ('input') where it changes no MLP projection; CancelledError
 */
export async function measureReach(
  session: ModelSession,
  patchId: string,
  job: Job = {},
  onProgress?: (done: number, total: number) => void,
): Promise<Reach> {
  const { model, stack } = session;
  const { patch } = stack.entry(patchId);
  const changes = changesOf(session, patch);
  if (changes.length === 0) {
    throw new EngineError('input', 'This patch changes no MLP projection, so there are no keys to ask.');
  }
  const requests = patch.requests.slice(0, MOST_EDITS);
  const kinds: [Kind, KeyRow[]][] = [
    ['edits', requests.map((request) => lookupRow(session, request))],
    ['neighbours', requests.flatMap((request) => neighbourRows(session, request))],
    ['text', textRows(session)],
  ];
  const included = stack.entries.filter((entry) => entry.enabled || entry.patch === patch).map((entry) => entry.patch);
  await prepareStatistics(
    session,
    patch,
    changes.map(({ layer }) => layer),
    job,
    onProgress,
  );
  // The keys that ΔW meets: those of the model with the patch.
  const weights = await applyPatches(model, included);
  try {
    const layers: LayerReach[] = [];
    for (const { layer, delta } of changes) {
      onProgress?.(layers.length, changes.length);
      await checkpoint(job);
      layers.push(await layerReach(session, weights, layer, delta, kinds, job));
    }
    onProgress?.(changes.length, changes.length);
    return { layers, edits: requests.length };
  } finally {
    weights.dispose();
  }
}

/** Those that the run had; of a run without any there is nothing to compare keys by. */
async function prepareStatistics(
  { covariances }: ModelSession,
  { report }: Patch,
  layers: readonly number[],
  job: Job,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const tokens = runReportSchema.safeParse(report).data?.statisticsTokens ?? 0;
  if (tokens === 0) return;
  await covariances.prepare(layers, {
    tokens,
    signal: job.signal,
    onProgress: async (done, total) => {
      onProgress?.(done, 2 * total);
      await checkpoint(job);
    },
  });
}

function changesOf({ model }: ModelSession, { deltas }: Patch): { layer: number; delta: WeightDelta }[] {
  return Array.from({ length: model.config.layerCount }, (_, layer) => layer).flatMap((layer) => {
    const { tensor } = projectionOf(model.family, layer, 'mlp-output');
    const delta = deltas.find((each) => each.tensor === tensor);
    return delta ? [{ layer, delta }] : [];
  });
}

async function layerReach(
  session: ModelSession,
  weights: WeightSet,
  layer: number,
  delta: WeightDelta,
  kinds: readonly [Kind, KeyRow[]][],
  job: Job,
): Promise<LayerReach> {
  const { model } = session;
  const { linalg } = model;
  const { device } = model.runtime;
  return scoped(async (scope) => {
    const change = scope.track(await deltaMatrix(linalg, delta));
    const base = scope.track(await model.floatWeight(model.weights, delta.tensor));
    const { fanInFanOut } = projectionOf(model.family, layer, 'mlp-output');
    const spreads = new Map<Kind, Spread | null>();
    const count = kinds[0][1].length;
    const ownKeys = new Float32Array(count * model.config.intermediateSize);
    for (const [kind, rows] of kinds) {
      const shares: number[] = [];
      await visitKeys(session, weights, layer, rows, job, async (keys, indices) => {
        // An edit has one key.
        if (kind === 'edits') await keepRows(device, keys, indices, ownKeys);
        const normsOf = async (matrix: Tensor): Promise<Float32Array> => {
          const product = scope.track(await linalg.matmul(keys, matrix, { transposeB: !fanInFanOut }));
          const norms = await readFloats(device, scope.track(await linalg.rowNorms(product)));
          scope.drop(product);
          return norms;
        };
        const [moved, written] = [await normsOf(change), await normsOf(base)];
        for (const [i, norm] of moved.entries()) if (written[i] > 0) shares.push(norm / written[i]);
      });
      spreads.set(kind, spreadOf(shares));
    }
    return {
      layer,
      edits: spreads.get('edits')!,
      neighbours: spreads.get('neighbours') ?? null,
      text: spreads.get('text') ?? null,
      likeness: await likenessOf(session, layer, ownKeys, count, job),
      singularValues: await largestSingularValues(linalg, device, change, Math.min(MOST_VALUES, rankOf(delta))),
      norm: await linalg.norm(change),
    };
  });
}

/** More values than this are 0. */
function rankOf(delta: WeightDelta): number {
  return delta.kind === 'low-rank' ? delta.rank : smallest(delta.shape);
}

/** Puts rows of [n, F] where `indices` says in `into`. */
async function keepRows(device: Device, rows: Tensor, indices: readonly number[], into: Float32Array): Promise<void> {
  const values = await readFloats(device, rows);
  const [, width] = rows.dims;
  indices.forEach((row, i) => into.set(values.subarray(i * width, (i + 1) * width), row * width));
}

/** Hands out keys [n, F] of the rows' tokens, batch by batch; they are freed afterwards. */
async function visitKeys(
  { model }: ModelSession,
  weights: WeightSet,
  layer: number,
  rows: readonly KeyRow[],
  job: Job,
  visit: (keys: Tensor, rows: readonly number[]) => Promise<void>,
): Promise<void> {
  for (const indices of batchesByLength(rows.map(({ ids }) => ids))) {
    await checkpoint(job);
    const some = indices.map((index) => rows[index]);
    const places = some.flatMap(({ ids, from }, at) => ids.slice(from).map((_, i) => ({ at, place: from + i })));
    const hidden = await forwardRows(model, weights, batchOf(some.map(({ ids }) => ids)), {
      through: layer,
      taps: (at) => (at === layer ? [BLOCK_OUTPUTS.key] : []),
      onTap: (_, outputs) =>
        scoped(async (scope) => {
          const keys = await gatherTokens(
            model,
            outputs[BLOCK_OUTPUTS.key]!,
            places.map(({ place }) => place),
            places.map(({ at }) => at),
          );
          await visit(scope.track(keys), indices);
        }),
      signal: job.signal,
    });
    hidden.dispose();
  }
}

/**
 * With G = K(λC)⁻¹Kᵀ (keys in rows), K(λC + KᵀK)⁻¹Kᵀ = M is G(1 + G)⁻¹, so that G = M(1 − M)⁻¹ comes from the solve that the method has. λ is
 * taken large, which makes G small and 1 − M well-conditioned; the cosines do not depend on it.
 */
async function likenessOf(
  { model, covariances }: ModelSession,
  layer: number,
  ownKeys: Float32Array,
  count: number,
  job: Job,
): Promise<number[][] | null> {
  const { linalg } = model;
  const { device } = model.runtime;
  if (covariances.tokensOf(layer) === 0) return null;
  const width = model.config.intermediateSize;
  return scoped(async (scope) => {
    const keys = scope.track(device.upload(ownKeys, [count, width]));
    const factor = await covariances.factorOf(layer, job);
    const { solution } = await linalg.solveRegularized(
      await covariances.covarianceOf(layer),
      LARGE * width,
      keys,
      factor,
      job,
    );
    scope.track(solution);
    const m = await readFloats(device, scope.track(await linalg.matmul(keys, solution, { transposeB: true })));
    return cosines(m, count);
  });
}

/** λ of {@link likenessOf} over F, which kᵀC⁻¹k is on average over the keys of the text. */
const LARGE = 100;

/** Of G = M(1 − M)⁻¹ for a symmetric M [n, n]: G_ij / √(G_ii G_jj). */
export function cosines(m: Float32Array, n: number): number[][] {
  const symmetric = Float64Array.from(m, (_, at) => (m[at] + m[(at % n) * n + Math.floor(at / n)]) / 2);
  const rest = symmetric.map((value, at) => (at % (n + 1) === 0 ? 1 : 0) - value);
  inOneGo(factorSteps(rest, n));
  // M commutes with (1 − M)⁻¹: its rows are the right-hand sides.
  inOneGo(forwardSteps(rest, symmetric, n, n));
  inOneGo(backwardSteps(rest, symmetric, n, n));
  return Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (__, j) => {
      const scale = Math.sqrt(symmetric[i * n + i] * symmetric[j * n + j]);
      return i === j ? 1 : Math.max(-1, Math.min(1, symmetric[i * n + j] / scale));
    }),
  );
}

/** Null of nothing. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))];
  return { low: at(0.25), median: at(0.5), high: at(0.75), most: at(1), count: sorted.length };
}

function lookupRow({ tokenizer }: ModelSession, { prompt, subject }: Pick<EditRequest, 'prompt' | 'subject'>): KeyRow {
  const { ids, lookupIndex } = locateSubject(tokenizer, prompt, subject);
  return { ids: ids.slice(0, lookupIndex + 1), from: lookupIndex };
}

/** Other subjects that have the edit's old object. */
function neighbourRows(session: ModelSession, { relationId, prompt, subject, targetTrue }: EditRequest): KeyRow[] {
  const { facts } = session;
  if (!facts || relationId === undefined || targetTrue === undefined) return [];
  return facts
    .neighbours(relationId, targetTrue, subject, NEIGHBOURS_PER_EDIT)
    .map((fact) => lookupRow(session, { prompt, subject: fact.subject }));
}

/** Tokens of the text for statistics, but those that begin a document: some models put a key hundreds of times as long there. */
function textRows({ tokenizer, statisticsText, model }: ModelSession): KeyRow[] {
  const documents = statisticsText?.text.split('\n', 4 * DOCUMENTS) ?? [];
  return documents
    .map((document) => tokenizer.encode(document, { special: true }))
    .filter((ids) => ids.length > 8)
    .slice(0, DOCUMENTS)
    .map((ids) => ({
      ids: ids.slice(0, Math.min(DOCUMENT_TOKENS, model.config.contextLength)),
      from: tokenizer.beginIds.length + 1,
    }));
}
