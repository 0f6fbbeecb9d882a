/** Sums, means and maxima over axes. Gradients keep the reduced axes at 1: whoever uses them repeats them. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { isStatic, productOfDims } from '../shapes.ts';
import { axisOf, expectFloat, int64, show } from './checks.ts';

export function reduceSum(g: GraphBuilder, x: Value, axes: readonly number[], keepDims: boolean): Value {
  return reduce(g, 'ReduceSum', x, axes, keepDims, (gradient) => gradient);
}

export function reduceMean(g: GraphBuilder, x: Value, axes: readonly number[], keepDims: boolean): Value {
  return reduce(g, 'ReduceMean', x, axes, keepDims, (gradient, at) => {
    const dims = at.map((axis) => x.shape[axis]);
    if (!isStatic(dims)) g.fail('ReduceMean', `the mean of ${show(x)} over a run-time dimension has no gradient`);
    return g.mul(gradient, g.scalar(1 / Number(productOfDims(dims))));
  });
}

export function reduceMax(g: GraphBuilder, x: Value, axes: readonly number[], keepDims: boolean): Value {
  return reduce(g, 'ReduceMax', x, axes, keepDims, null);
}

function reduce(
  g: GraphBuilder,
  op: string,
  x: Value,
  axes: readonly number[],
  keepDims: boolean,
  rule: ((gradient: Value, axes: readonly number[]) => Value) | null,
): Value {
  expectFloat(g, op, x);
  const at = axes.map((axis) => axisOf(g, op, x, axis)).sort((a, b) => a - b);
  if (at.length === 0 || new Set(at).size !== at.length) {
    g.fail(op, `[${axes.join(', ')}] does not name axes of ${show(x)} once each`);
  }
  const kept = x.shape.map((dim, axis) => (at.includes(axis) ? 1 : dim));
  return g.emit({
    op,
    inputs: [x, int64(g, at, 'axes')],
    shape: keepDims ? kept : x.shape.filter((_, axis) => !at.includes(axis)),
    attributes: { keepdims: keepDims ? 1 : 0 },
    vjp: rule && ((gradient) => [() => rule(keepDims ? gradient : g.unsqueeze(gradient, at), at), null]),
  });
}
