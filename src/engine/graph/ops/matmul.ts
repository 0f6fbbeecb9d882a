/** Matrix products. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../node.ts';
import { broadcastShapes, productOfDims } from '../shapes.ts';
import { unbroadcast } from './broadcast.ts';
import { expectFloat, show } from './checks.ts';
import { rowBlocks } from './row-blocks.ts';

export function matmul(g: GraphBuilder, a: Value, b: Value): Value {
  const op = 'MatMul';
  expectFloat(g, op, a, b);
  const misfit = (): never => g.fail(op, `${show(a)} and ${show(b)} cannot be multiplied`);
  if (a.shape.length < 2 || b.shape.length < 2 || a.shape.at(-1) !== b.shape.at(-2)) misfit();
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? misfit();
  return g.emit({
    op,
    inputs: [a, b],
    shape: [...batch, a.shape.at(-2)!, b.shape.at(-1)!],
    vjp: (gradient) => [
      () =>
        gradient.shape.length === 2
          ? product(g, gradient, b, false, true)
          : unbroadcast(g, matmul(g, gradient, swapLast(g, b)), a.shape),
      () =>
        b.shape.length === 2
          ? product(g, asRows(g, a), asRows(g, gradient), true, false)
          : unbroadcast(g, matmul(g, swapLast(g, a), gradient), b.shape),
    ],
  });
}

export function matmulTransposed(g: GraphBuilder, a: Value, b: Value): Value {
  if (a.shape.length < 2 || b.shape.length !== 2 || a.shape.at(-1) !== b.shape[1]) {
    g.fail('Gemm', `${show(a)} and the transpose of ${show(b)} cannot be multiplied`);
  }
  const blocks = rowBlocks(g, b);
  if (blocks) {
    const parts = blocks.map(({ value }) => matmulTransposed(g, a, value));
    return g.concat(parts, a.shape.length - 1);
  }
  return a.shape.length === 2 ? product(g, a, b, false, true) : matmul(g, a, swapLast(g, b));
}

/** The product of two matrices, each transposed if so asked, without writing a transpose. */
function product(g: GraphBuilder, a: Value, b: Value, transA: boolean, transB: boolean): Value {
  if (!transA && !transB) return matmul(g, a, b);
  expectFloat(g, 'Gemm', a, b);
  return g.emit({
    op: 'Gemm',
    inputs: [a, b],
    shape: [a.shape[transA ? 1 : 0], b.shape[transB ? 0 : 1]],
    attributes: { transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
    vjp: (gradient) => [
      () => (transA ? product(g, b, gradient, transB, true) : product(g, gradient, b, false, !transB)),
      () => (transB ? product(g, gradient, a, true, transA) : product(g, a, gradient, !transA, false)),
    ],
  });
}

/** All but the last axis as one. */
function asRows(g: GraphBuilder, x: Value): Value {
  return x.shape.length === 2 ? x : g.reshape(x, [productOfDims(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

function swapLast(g: GraphBuilder, x: Value): Value {
  const rank = x.shape.length;
  return g.transpose(x, [...x.shape.keys()].slice(0, rank - 2).concat(rank - 1, rank - 2));
}
