/** Forward passes over batches of token rows: padding, masks, taps. */
import { throwIfCancelled } from '../errors.ts';
import { largest } from '../extent.ts';
import { scoped, type TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import { BLOCK_OUTPUTS, type BlockOutput } from './graphs.ts';
import type { LanguageModel } from './language-model.ts';
import { runLayer } from './stretches.ts';
import { TokenPlaces, type PastPlaces } from './token-places.ts';
import type { WeightSet } from './weight-set.ts';

/** Tokens a forward pass takes at once: enough to fill the device, few enough to bound its memory. */
export const TOKENS_PER_BATCH = 1024;

/** Token rows padded on the right to one length; padding is never attended to by real tokens (causal mask). */
export interface TokenBatch {
  readonly rows: readonly (readonly number[])[];
  /** Tokens per row after padding. */
  readonly length: number;
}

export function batchOf(rows: readonly (readonly number[])[]): TokenBatch {
  return { rows, length: largest(rows.map((row) => row.length)) };
}

/** Indices of `rows` in batches of similar length, at most `tokens` padded tokens each (or one row). */
export function batchesByLength(rows: readonly { readonly length: number }[], tokens = TOKENS_PER_BATCH): number[][] {
  const order = rows.map((_, index) => index).sort((a, b) => rows[b].length - rows[a].length || a - b);
  const batches: number[][] = [];
  let current: number[] = [];
  for (const index of order) {
    if (current.length > 0 && (current.length + 1) * rows[current[0]].length > tokens) {
      batches.push(current);
      current = [];
    }
    current.push(index);
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/**
 * The places of a batch's tokens.
 * @param offsets positions of the rows' first tokens; 0 when absent
 * @param past cached tokens that they attend to besides their own
 */
export function placesOf(
  model: LanguageModel,
  { rows, length }: TokenBatch,
  offsets?: readonly number[],
  past: PastPlaces | null = null,
): TokenPlaces {
  const { config, runtime } = model;
  return new TokenPlaces(runtime.device, config.contextLength, {
    rows: rows.length,
    length,
    ...(offsets && { offsets }),
    past,
  });
}

/** Token embeddings [batch, sequence, D]. */
export async function embedRows(
  model: LanguageModel,
  weights: WeightSet,
  { rows, length }: TokenBatch,
  places: TokenPlaces,
): Promise<Tensor> {
  const ids = new Int32Array(rows.length * length);
  rows.forEach((row, r) => ids.set(row, r * length));
  return scoped(async (scope) => {
    const tokenIds = scope.track(model.runtime.device.upload(ids, [rows.length, length], 'token ids'));
    return model.embed(weights, tokenIds, places.positionIds);
  });
}

export interface ForwardOptions {
  /** Last layer to run; all of them when absent. */
  through?: number;
  /** Outputs to hand to `onTap` at a layer, besides the hidden state. */
  taps?: (layer: number) => readonly BlockOutput[];
  /** Called in layer order; the tensors belong to the scope and are freed when the callback has resolved. */
  onTap?: (layer: number, outputs: Partial<Record<BlockOutput, Tensor>>) => Promise<void>;
  signal?: AbortSignal;
}

/** Runs whole rows from the first token; returns the last layer's hidden states [batch, sequence, D], the caller's. */
export async function forwardRows(
  model: LanguageModel,
  weights: WeightSet,
  batch: TokenBatch,
  { through = model.config.layerCount - 1, taps, onTap, signal }: ForwardOptions = {},
): Promise<Tensor> {
  return scoped(async (scope) => {
    const places = scope.track(placesOf(model, batch));
    let hidden = scope.track(await embedRows(model, weights, batch, places));
    for (let layer = 0; layer <= through; layer += 1) {
      throwIfCancelled(signal);
      const wanted = taps?.(layer) ?? [];
      const names = [...new Set<BlockOutput>([BLOCK_OUTPUTS.hidden, ...wanted])];
      const outputs = await runLayer(model, weights, layer, { hidden, places }, names);
      trackAll(scope, outputs);
      if (wanted.length > 0) await onTap?.(layer, outputs);
      scope.drop(hidden);
      hidden = outputs[BLOCK_OUTPUTS.hidden];
      for (const name of wanted) if (name !== BLOCK_OUTPUTS.hidden) scope.drop(outputs[name]);
    }
    return scope.release(hidden);
  });
}

/** The hidden states of one token of each row: [batch, sequence, D] and a position per row → [batch, D]. */
export async function gatherTokens(
  model: LanguageModel,
  hidden: Tensor,
  positions: readonly number[],
  rows?: readonly number[],
): Promise<Tensor> {
  const [batch, length, width] = hidden.dims;
  const indices = Int32Array.from(positions, (position, i) => (rows?.[i] ?? i) * length + position);
  return scoped(async (scope) => {
    const index = scope.track(model.runtime.device.upload(indices, [indices.length]));
    return model.linalg.gatherRows(hidden.reshaped([batch * length, width]), index);
  });
}

/** Some rows of a tensor [n, …], any of them also more than once: [m, …], the caller's. `index` is int32 [m]. */
export async function takeRows({ linalg }: LanguageModel, tensor: Tensor, index: Tensor): Promise<Tensor> {
  const [rows, ...rest] = tensor.dims;
  const taken = await linalg.gatherRows(tensor.reshaped([rows, tensor.size / rows]), index);
  return taken.intoShape([index.size, ...rest]);
}

function trackAll(scope: TensorScope, tensors: Record<string, Tensor>): void {
  for (const tensor of Object.values(tensors)) scope.track(tensor);
}
