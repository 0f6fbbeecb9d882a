/** What the ops have in common: checks whose errors name the node, and constants that tell ONNX sizes and axes. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { broadcastShapes, normalizeAxis, showShape, type Dim } from '../shapes.ts';

/** A value as errors show it: its name and shape. */
export function show({ name, shape }: Value): string {
  return `${name} ${showShape(shape)}`;
}

export function expectFloat(g: GraphBuilder, op: string, ...values: Value[]): void {
  const other = values.find(({ type }) => type !== 'float32');
  if (other) g.fail(op, `${show(other)} is ${other.type}, not float32`);
}

/** The axis counted from the front. */
export function axisOf(g: GraphBuilder, op: string, x: Value, axis: number): number {
  return normalizeAxis(axis, x.shape.length) ?? g.fail(op, `${show(x)} has no axis ${axis}`);
}

/** The shape two operands of one type broadcast to. */
export function broadcastOf(g: GraphBuilder, op: string, a: Value, b: Value): Dim[] {
  if (a.type !== b.type) g.fail(op, `${show(a)} and ${show(b)} are of different types, ${a.type} and ${b.type}`);
  return broadcastShapes(a.shape, b.shape) ?? g.fail(op, `${show(a)} and ${show(b)} do not broadcast`);
}

export function int64(g: GraphBuilder, values: readonly number[], hint: string): Value {
  return g.constant(BigInt64Array.from(values, BigInt), [values.length], hint);
}
