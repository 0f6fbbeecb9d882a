/** Shapes with run-time dimensions, and the rules of broadcasting over them. */

/** A number, or the name of a dimension that is known at run time only, such as 'batch'. */
export type Dim = number | string;
export type Shape = readonly Dim[];

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** The shape two operands broadcast to, or null when they do not. */
export function broadcastShapes(a: Shape, b: Shape): Dim[] | null {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i += 1) {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return null;
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** Axes of `result` that an operand of shape `operand` was repeated along. */
export function broadcastAxes(operand: Shape, result: Shape): number[] {
  const offset = result.length - operand.length;
  return result.flatMap((dim, axis) => (axis < offset || (operand[axis - offset] === 1 && dim !== 1) ? [axis] : []));
}

/** The axis counted from the front, or null when there is none such. */
export function normalizeAxis(axis: number, rank: number): number | null {
  const normalized = axis < 0 ? axis + rank : axis;
  return Number.isInteger(normalized) && normalized >= 0 && normalized < rank ? normalized : null;
}

/**
 * What ONNX's Reshape is told: 0 copies the dimension at the same place, −1 stands for the one that is left over.
 * Null when the target cannot be said that way.
 */
export function reshapeTarget(from: Shape, to: Shape): number[] | null {
  let inferred = 0;
  const target = to.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    if (from[axis] === dim) return 0;
    inferred += 1;
    return -1;
  });
  return inferred <= 1 ? target : null;
}
