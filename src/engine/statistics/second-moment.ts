/**
 * C = Σ k kᵀ / count over the tokens of a text: the uncentred second moment of the MLP projection's input (Meng et al. 2022,
 * section 3.1; reference: rome/layer_stats.py). Always of the unedited model.
 */
import { EngineError, throwIfCancelled } from '../errors.ts';
import { batchesByLength, batchOf, forwardRows } from '../model/forward.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { scoped, TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';

export interface SecondMoment {
  /** C, [F, F], on the model's device; the caller disposes it. */
  readonly matrix: Tensor;
  /** Tokens it was taken over. */
  readonly tokens: number;
}

export interface SecondMomentOptions {
  signal?: AbortSignal;
  /** Called after every batch. */
  onProgress?: (doneTokens: number, totalTokens: number) => void | Promise<void>;
}

/**
 * Second moments of several layers in one pass over the text.
 * @param documents token ids per document, each cut to the model's context; empty ones are passed over
 * @throws EngineError ('statistics') when there is no token at all; CancelledError
 */
export async function computeSecondMoments(
  model: LanguageModel,
  documents: readonly (readonly number[])[],
  layers: readonly number[],
  { signal, onProgress }: SecondMomentOptions = {},
): Promise<Map<number, SecondMoment>> {
  const { intermediateSize, contextLength } = model.config;
  const rows = documents.filter((ids) => ids.length > 0).map((ids) => ids.slice(0, contextLength));
  const total = rows.reduce((sum, ids) => sum + ids.length, 0);
  if (total === 0) throw new EngineError('statistics', 'The text for the statistics holds no token.');
  const wanted = new Set(layers);
  const sums = new Map<number, Tensor>();
  const scope = new TensorScope();
  try {
    for (const layer of wanted)
      sums.set(layer, scope.track(model.runtime.device.zeros([intermediateSize, intermediateSize])));
    let done = 0;
    for (const indices of batchesByLength(rows)) {
      throwIfCancelled(signal);
      const batch = batchOf(indices.map((index) => rows[index]));
      const hidden = await forwardRows(model, model.weights, batch, {
        through: Math.max(...wanted),
        taps: (layer) => (wanted.has(layer) ? [BLOCK_OUTPUTS.key] : []),
        onTap: async (layer, outputs) => {
          await addTokens(model, outputs[BLOCK_OUTPUTS.key]!, batch.rows, sums.get(layer)!);
        },
        signal,
      });
      hidden.dispose();
      done += batch.rows.reduce((sum, ids) => sum + ids.length, 0);
      await onProgress?.(done, total);
    }
    const moments = new Map<number, SecondMoment>();
    for (const [layer, sum] of sums) {
      moments.set(layer, { matrix: await model.linalg.addScaled(sum, 1 / total, sum, 0), tokens: total });
    }
    return moments;
  } finally {
    scope.dispose();
  }
}

/** Adds the keys of real tokens, not of padding, to the sum. */
async function addTokens(
  model: LanguageModel,
  keys: Tensor,
  rows: readonly (readonly number[])[],
  sum: Tensor,
): Promise<void> {
  const [batch, length, width] = keys.dims;
  const flat = keys.reshaped([batch * length, width]);
  const real = rows.flatMap((ids, r) => ids.map((_, t) => r * length + t));
  await scoped(async (scope) => {
    const index = scope.track(model.runtime.device.upload(Int32Array.from(real), [real.length]));
    await model.linalg.addGram(sum, scope.track(await model.linalg.gatherRows(flat, index)));
  });
}
