/** A small pre-norm transformer block whose attention over cached tokens and its own is one softmax in two parts. */
import type { Dim, GraphBuilder, Value } from '../../../src/engine/graph/builder.ts';

interface Sizes {
  hidden: number;
  heads: number;
  inner: number;
}

export function transformerBlock({ hidden, heads, inner }: Sizes): {
  inputs: Record<string, Dim[]>;
  build: (g: GraphBuilder, x: Record<string, Value>) => Value;
} {
  const headSize = hidden / heads;
  const cache = ['batch', heads, 'past', headSize];
  return {
    inputs: {
      x: ['batch', 'sequence', hidden],
      past_key: cache,
      past_value: cache,
      past_mask: ['batch', 1, 1, 'past'],
      self_mask: [1, 1, 'sequence', 'sequence'],
      norm_scale: [hidden],
      norm_bias: [hidden],
      qkv: [hidden, 3 * hidden],
      projection: [hidden, hidden],
      rms_scale: [hidden],
      up: [hidden, inner],
      up_bias: [inner],
      down: [inner, hidden],
    },
    build: (g, x) => {
      const normalized = g.layerNorm(x.x, x.norm_scale, x.norm_bias, 1e-5);
      const [query, key, value] = g
        .split(g.matmul(normalized, x.qkv), 2, [hidden, hidden, hidden])
        .map((part) => g.transpose(g.reshape(part, ['batch', 'sequence', heads, headSize]), [0, 2, 1, 3]));
      const scores = (keys: Value, mask: Value): Value =>
        g.add(g.mul(g.matmul(query, g.transpose(keys, [0, 1, 3, 2])), g.scalar(1 / Math.sqrt(headSize))), mask);
      const parts = [scores(x.past_key, x.past_mask), scores(key, x.self_mask)];
      const [pastPeak, selfPeak] = parts.map((part) => g.reduceMax(part, [3], true));
      const peak = g.stopGradient(g.maximum(pastPeak, selfPeak));
      const [pastWeights, weights] = parts.map((part) => g.exp(g.sub(part, peak)));
      const total = g.add(g.reduceSum(pastWeights, [3], true), g.reduceSum(weights, [3], true));
      const context = g.div(g.add(g.matmul(pastWeights, x.past_value), g.matmul(weights, value)), total);
      const merged = g.reshape(g.transpose(context, [0, 2, 1, 3]), ['batch', 'sequence', hidden]);
      const middle = g.add(x.x, g.matmul(merged, x.projection));
      const mlpInput = g.rmsNorm(middle, x.rms_scale, 1e-6);
      const mlpKey = g.gelu(g.add(g.matmul(mlpInput, x.up), x.up_bias), 'tanh');
      return g.add(middle, g.matmul(mlpKey, x.down));
    },
  };
}
