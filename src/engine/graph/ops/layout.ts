/** Ops that move elements without computing: reshape, transpose, split, concat, slice, pad, unsqueeze, gather. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import {
  isStatic,
  normalizeAxis,
  reshapeTarget,
  sameShape,
  showShape,
  sumOfDims,
  type Dim,
  type Shape,
} from '../shapes.ts';
import { narrowSource, widen } from './cast.ts';
import { axisOf, int64, show } from './checks.ts';
import { gatherFromBlocks, rowBlocks } from './row-blocks.ts';

export function reshape(g: GraphBuilder, x: Value, shape: Shape): Value {
  const target =
    reshapeTarget(x.shape, shape) ?? g.fail('Reshape', `${show(x)} cannot be reshaped to ${showShape(shape)}`);
  return g.emit({
    op: 'Reshape',
    inputs: [x, int64(g, target, 'shape')],
    shape,
    vjp: (gradient) => [() => reshape(g, gradient, x.shape), null],
  });
}

export function transpose(g: GraphBuilder, x: Value, perm: readonly number[]): Value {
  if (perm.length !== x.shape.length || [...x.shape.keys()].some((axis) => !perm.includes(axis))) {
    g.fail('Transpose', `[${perm.join(', ')}] is no order of the axes of ${show(x)}`);
  }
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return g.emit({
    op: 'Transpose',
    inputs: [x],
    shape: perm.map((axis) => x.shape[axis]),
    attributes: { perm },
    vjp: (gradient) => [() => transpose(g, gradient, inverse)],
  });
}

export function split(g: GraphBuilder, x: Value, axis: number, sizes: readonly number[]): Value[] {
  const op = 'Split';
  const at = axisOf(g, op, x, axis);
  if (sizes.some((size) => !Number.isInteger(size) || size < 1) || x.shape[at] !== sumOfDims(sizes)) {
    g.fail(op, `axis ${axis} of ${show(x)} is not ${sizes.join(' + ')} long`);
  }
  return g.emitAll({
    op,
    inputs: [x, int64(g, sizes, 'sizes')],
    shapes: sizes.map((size) => withDim(x.shape, at, size)),
    attributes: { axis: at },
    vjp: (gradients) => [() => joinParts(g, gradients, sizes, at), null],
  });
}

export function concat(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  const op = 'Concat';
  if (values.length === 0) g.fail(op, 'there is nothing to join');
  const [first] = values;
  const at = axisOf(g, op, first, axis);
  const misfit = values.find(
    ({ type, shape }) =>
      type !== first.type ||
      shape.length !== first.shape.length ||
      !sameShape(withDim(shape, at, 1), withDim(first.shape, at, 1)),
  );
  if (misfit) g.fail(op, `${show(first)} and ${show(misfit)} do not fit along axis ${axis}`);
  const sizes: readonly Dim[] = values.map(({ shape }) => shape[at]);
  return g.emit({
    op,
    inputs: values,
    shape: withDim(first.shape, at, sumOfDims(sizes)),
    attributes: { axis: at },
    vjp: (gradient) =>
      values.map((_, i) => () => {
        if (!isStatic(sizes)) g.fail(op, `joining run-time lengths, ${sizes.join(' and ')}, has no gradient`);
        const start = sizes.slice(0, i).reduce((sum, size) => sum + size, 0);
        return slice(g, gradient, at, start, start + sizes[i]);
      }),
  });
}

export function slice(g: GraphBuilder, x: Value, axis: number, start: number, end: number): Value {
  const op = 'Slice';
  const at = axisOf(g, op, x, axis);
  const length = x.shape[at];
  if (typeof length !== 'number') return g.fail(op, `axis ${axis} of ${show(x)} is known at run time only`);
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start >= end || end > length) {
    g.fail(op, `axis ${axis} of ${show(x)} has no range ${start} to ${end}`);
  }
  return g.emit({
    op,
    inputs: [x, int64(g, [start], 'starts'), int64(g, [end], 'ends'), int64(g, [at], 'axes')],
    shape: withDim(x.shape, at, end - start),
    vjp: (gradient) => [() => pad(g, gradient, at, start, length - end), null, null, null],
  });
}

export function unsqueeze(g: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const op = 'Unsqueeze';
  const rank = x.shape.length + axes.length;
  const at = axes.map(
    (axis) => normalizeAxis(axis, rank) ?? g.fail(op, `${show(x)} cannot get an axis ${axis} among ${rank}`),
  );
  if (new Set(at).size !== at.length) g.fail(op, `[${axes.join(', ')}] names an axis of ${show(x)} twice`);
  const rest = [...x.shape];
  return g.emit({
    op,
    inputs: [x, int64(g, at, 'axes')],
    shape: Array.from({ length: rank }, (_, axis) => (at.includes(axis) ? 1 : rest.shift()!)),
    vjp: (gradient) => [() => g.reduceSum(gradient, at, false), null],
  });
}

export function gather(g: GraphBuilder, x: Value, indices: Value, axis: number): Value {
  const op = 'Gather';
  const at = axisOf(g, op, x, axis);
  if (indices.type !== 'int32' && indices.type !== 'int64') {
    g.fail(op, `the indices must be integers, but ${show(indices)} is ${indices.type}`);
  }
  // Of a table of 16 bits only the rows that are taken are made wider.
  const narrow = narrowSource(g, x);
  if (narrow) return widen(g, gather(g, narrow, indices, axis));
  const blocks = at === 0 && indices.type === 'int32' ? rowBlocks(g, x) : null;
  if (blocks) return gatherFromBlocks(g, blocks, indices);
  return g.emit({
    op,
    inputs: [x, indices],
    shape: [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)],
    attributes: { axis: at },
    vjp: null,
  });
}

/** Zeros before and after along one axis. */
function pad(g: GraphBuilder, x: Value, axis: number, before: number, after: number): Value {
  if (before === 0 && after === 0) return x;
  const length = x.shape[axis];
  if (typeof length !== 'number') return g.fail('Pad', `axis ${axis} of ${show(x)} is known at run time only`);
  const amounts = [before, after].flatMap((amount) => x.shape.map((_, i) => (i === axis ? amount : 0)));
  return g.emit({
    op: 'Pad',
    inputs: [x, int64(g, amounts, 'pads')],
    shape: withDim(x.shape, axis, before + length + after),
    vjp: (gradient) => [() => slice(g, gradient, axis, before, before + length), null],
  });
}

/** Parts of the given sizes end to end; zeros stand for those that are null, at least one of which is not. */
function joinParts(g: GraphBuilder, parts: readonly (Value | null)[], sizes: readonly number[], axis: number): Value {
  const last = parts.findLastIndex((part) => part !== null);
  const after = sizes.slice(last + 1).reduce((sum, size) => sum + size, 0);
  const joined: Value[] = [];
  let gap = 0;
  parts.forEach((part, i) => {
    if (!part) gap += sizes[i];
    else {
      joined.push(pad(g, part, axis, gap, i === last ? after : 0));
      gap = 0;
    }
  });
  return joined.length === 1 ? joined[0] : concat(g, joined, axis);
}

function withDim(shape: Shape, axis: number, dim: Dim): Shape {
  return shape.map((old, i) => (i === axis ? dim : old));
}
