/** Pieces that blocks of several families are made of. */
import { z } from 'zod';
import type { GraphBuilder, Value } from '../graph/builder.ts';

const geluByTanh = (g: GraphBuilder, x: Value): Value => g.gelu(x, 'tanh');

/** By their names in a config.json. */
const ACTIVATIONS = {
  gelu: (g: GraphBuilder, x: Value) => g.gelu(x, 'none'),
  gelu_fast: geluByTanh,
  gelu_new: geluByTanh,
  gelu_pytorch_tanh: geluByTanh,
  relu: (g: GraphBuilder, x: Value) => g.relu(x),
  silu: (g: GraphBuilder, x: Value) => g.silu(x),
};

export type Activation = keyof typeof ACTIVATIONS;

/** Of a config.json. */
export const activationSchema = z.enum(Object.keys(ACTIVATIONS) as Activation[]);

export function activate(g: GraphBuilder, x: Value, name: Activation): Value {
  return ACTIVATIONS[name](g, x);
}

export interface LinearWeights {
  /** [out, in], or with `fanInFanOut` [in, out]. */
  readonly weight: Value;
  /** [out] */
  readonly bias: Value | null;
  readonly fanInFanOut?: boolean;
}

/** x [..., in] → [..., out] */
export function linear(g: GraphBuilder, x: Value, { weight, bias, fanInFanOut = false }: LinearWeights): Value {
  const product = fanInFanOut ? g.matmul(x, weight) : g.matmulTransposed(x, weight);
  return bias ? g.add(product, bias) : product;
}

/** [batch, sequence, count · size] → [batch, count, sequence, size] */
export function splitHeads(g: GraphBuilder, x: Value, count: number, size: number): Value {
  return g.transpose(g.reshape(x, ['batch', 'sequence', count, size]), [0, 2, 1, 3]);
}

/** Keeps x between −cap and cap, smoothly: cap · tanh(x / cap). */
export function softCap(g: GraphBuilder, x: Value, cap: number): Value {
  return g.mul(g.tanh(g.mul(x, g.scalar(1 / cap))), g.scalar(cap));
}
