/** Shapes with run-time dimensions, and the rules of broadcasting and reshaping over them. */

/** A number, or the name of a dimension that is known at run time only, such as 'batch'. */
export type Dim = number | string;
export type Shape = readonly Dim[];

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** The shape two operands broadcast to, or null when they do not: names fit only themselves and 1. */
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

/** The axis counted from the front, or null when there is none such. */
export function normalizeAxis(axis: number, rank: number): number | null {
  const normalized = axis < 0 ? axis + rank : axis;
  return Number.isInteger(normalized) && normalized >= 0 && normalized < rank ? normalized : null;
}

/** Length of axes joined end to end: their sum, or a name such as 'past+sequence' when one is known at run time only. */
export function sumOfDims(dims: Shape): Dim {
  return isStatic(dims) ? dims.reduce((sum, dim) => sum + dim, 0) : dims.join('+');
}

/** Length of axes laid into one: their product, or a name such as 'batch*sequence'. */
export function productOfDims(dims: Shape): Dim {
  if (isStatic(dims)) return dims.reduce((product, dim) => product * dim, 1);
  return dims.length === 1 ? dims[0] : dims.join('*');
}

export function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}

/**
 * What ONNX's Reshape is told: 0 copies the dimension at the same place, −1 stands for the one that is left over.
 * Null when `to` cannot hold the elements of `from`, or when that takes more than one −1.
 */
export function reshapeTarget(from: Shape, to: Shape): number[] | null {
  if (!mayHoldTheSame(from, to)) return null;
  const target = to.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    return from[axis] === dim ? 0 : -1;
  });
  return target.filter((dim) => dim === -1).length <= 1 ? target : null;
}

/** Whether the dimensions that do not cancel may multiply to the same: a new name in `to` takes whatever is left. */
function mayHoldTheSame(from: Shape, to: Shape): boolean {
  const left = [...from];
  const added: Dim[] = [];
  for (const dim of to) {
    const at = left.indexOf(dim);
    if (at === -1) added.push(dim);
    else left.splice(at, 1);
  }
  if (isStatic(left) && isStatic(added)) return productOfDims(left) === productOfDims(added);
  return !isStatic(left) && !isStatic(added);
}
