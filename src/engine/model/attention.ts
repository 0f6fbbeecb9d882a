/** Attention as every family has it: scaled dot products, masks, grouped heads, and cached tokens before the given ones. */
import type { LayerKind, ModelConfig } from '../families/family.ts';
import { softCap } from '../families/layers.ts';
import type { Dim, GraphBuilder, Value } from '../graph/builder.ts';

/** Of the given tokens. */
export interface AttentionInputs {
  /** [batch, heads, sequence, headSize] */
  readonly query: Value;
  /** [batch, key–value heads, sequence, headSize] */
  readonly key: Value;
  readonly value: Value;
  readonly scale: number;
  /** The scores' smooth bound; null: none. */
  readonly cap: number | null;
  /** [1, 1, sequence, sequence], added to the scores. */
  readonly causalMask: Value;
}

/** Of the cached tokens. */
export interface PastInputs {
  /** [batch, key–value heads, past, headSize] */
  readonly key: Value;
  readonly value: Value;
  /** [batch, 1, 1, past], or with a row a query [batch, 1, sequence, past], added to the scores. */
  readonly mask: Value;
}

/** Declares past_key, past_value and past_mask; only a window makes what is seen of the past depend on the token that looks. */
export function pastInputs(g: GraphBuilder, config: ModelConfig, { window }: LayerKind): PastInputs {
  const shape: Dim[] = ['batch', config.keyValueHeadCount, 'past', config.headSize];
  return {
    key: g.input('past_key', 'float32', shape),
    value: g.input('past_value', 'float32', shape),
    mask: g.input('past_mask', 'float32', ['batch', 1, window === null ? 1 : 'sequence', 'past']),
  };
}

/** → [batch, sequence, heads · headSize] */
export function attend(
  g: GraphBuilder,
  config: ModelConfig,
  { query, key, value, scale, cap, causalMask }: AttentionInputs,
  past: PastInputs | null,
): Value {
  const scaledQuery = scale === 1 ? query : g.mul(query, g.scalar(scale));
  const each = (x: Value, length: Dim): Value => perQueryHead(g, config, x, length);
  const keysAcross = (x: Value, length: Dim): Value => g.transpose(each(x, length), [0, 1, 3, 2]);
  const scoresOf = (keys: Value, length: Dim): Value => {
    const scores = g.matmul(scaledQuery, keysAcross(keys, length));
    return cap === null ? scores : softCap(g, scores, cap);
  };
  const scores = g.add(scoresOf(key, 'sequence'), causalMask);
  const values = each(value, 'sequence');
  const pastScores = past && g.add(scoresOf(past.key, 'past'), past.mask);
  const context = pastScores
    ? softmaxInTwoParts(g, [pastScores, each(past.value, 'past')], [scores, values])
    : g.matmul(g.softmax(scores), values);
  return g.reshape(g.transpose(context, [0, 2, 1, 3]), ['batch', 'sequence', config.headCount * config.headSize]);
}

/** Keys or values [batch, key–value heads, length, headSize], each repeated for the queries' heads that share it. */
function perQueryHead(g: GraphBuilder, config: ModelConfig, x: Value, length: Dim): Value {
  const { headCount, keyValueHeadCount, headSize } = config;
  if (headCount === keyValueHeadCount) return x;
  const shared = headCount / keyValueHeadCount;
  const repeated = g.expand(g.unsqueeze(x, [2]), ['batch', keyValueHeadCount, shared, length, headSize]);
  return g.reshape(repeated, ['batch', headCount, length, headSize]);
}

type Part = readonly [scores: Value, values: Value];

/**
 * Attention over cached tokens and the given ones, as one softmax in two parts. Joining them with Concat would need slices of
 * run-time length in the gradient; the shift by the common maximum cancels, so it carries no gradient.
 */
function softmaxInTwoParts(g: GraphBuilder, [pastScores, pastValue]: Part, [scores, value]: Part): Value {
  const peak = g.stopGradient(g.maximum(g.reduceMax(pastScores, [3], true), g.reduceMax(scores, [3], true)));
  const pastWeights = g.exp(g.sub(pastScores, peak));
  const weights = g.exp(g.sub(scores, peak));
  const total = g.add(g.reduceSum(pastWeights, [3], true), g.reduceSum(weights, [3], true));
  return g.div(g.add(g.matmul(pastWeights, pastValue), g.matmul(weights, value)), total);
}
