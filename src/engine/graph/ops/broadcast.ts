/** Repeating a value along axes, and the reverse: summing a gradient over the axes its operand was repeated along. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { broadcastShapes, isStatic, sameShape, showShape, type Shape } from '../shapes.ts';
import { expectFloat, int64, show } from './checks.ts';

export function expand(g: GraphBuilder, x: Value, shape: Shape): Value {
  const op = 'Expand';
  const result = broadcastShapes(x.shape, shape);
  if (!result || !sameShape(result, shape)) g.fail(op, `${show(x)} does not broadcast to ${showShape(shape)}`);
  const offset = shape.length - x.shape.length;
  const repeated = shape.filter((dim, axis) => dim !== (x.shape[axis - offset] ?? 1));
  if (!isStatic(repeated)) {
    g.fail(op, `${show(x)} cannot be repeated along the run-time dimensions of ${showShape(shape)}`);
  }
  // Expand broadcasts both ways: 1 leaves a dimension as it is, whatever its size will be.
  const target = shape.map((dim) => (typeof dim === 'number' ? dim : 1));
  return g.emit({
    op,
    inputs: [x, int64(g, target, 'shape')],
    shape,
    vjp: (gradient) => [() => unbroadcast(g, gradient, x.shape), null],
  });
}

/** Sums a gradient over the axes along which an operand of shape `shape` was repeated. */
export function unbroadcast(g: GraphBuilder, gradient: Value, shape: Shape): Value {
  const offset = gradient.shape.length - shape.length;
  const added = [...gradient.shape.keys()].slice(0, offset);
  const ones = [...shape.keys()].filter((axis) => shape[axis] === 1 && gradient.shape[axis + offset] !== 1);
  const trimmed = added.length > 0 ? g.reduceSum(gradient, added, false) : gradient;
  return ones.length > 0 ? g.reduceSum(trimmed, ones, true) : trimmed;
}

/** A gradient that broadcasts to the shape of `like`, written out in that shape. */
export function widen(g: GraphBuilder, gradient: Value, like: Value): Value {
  if (sameShape(gradient.shape, like.shape)) return gradient;
  const offset = like.shape.length - gradient.shape.length;
  const repeated = like.shape.filter((dim, axis) => dim !== (gradient.shape[axis - offset] ?? 1));
  if (isStatic(repeated)) return expand(g, gradient, like.shape);
  expectFloat(g, 'Expand', like);
  // Only a value knows a run-time size; the sigmoid keeps the product 0 where `like` is infinite.
  return g.add(gradient, g.mul(g.sigmoid(like), g.scalar(0)));
}
