import { describe, expect, it } from 'vitest';
import { GraphError } from '../../../src/engine/errors.ts';
import { GraphBuilder } from '../../../src/engine/graph/builder.ts';
import { differentiate } from '../../../src/engine/graph/differentiate.ts';

describe('shape checks', () => {
  const g = new GraphBuilder('checks');
  const a = g.input('a', 'float32', ['batch', 'sequence', 6]);
  const b = g.input('b', 'float32', [5, 4]);
  const ids = g.input('ids', 'int32', ['batch']);

  it.each([
    ['MatMul', () => g.matmul(a, b), '[batch, sequence, 6] and [5, 4]'],
    ['Add', () => g.add(a, b), '[batch, sequence, 6] and [5, 4]'],
    ['Add', () => g.add(a, ids), 'float32 and int32'],
    [
      'Gemm',
      () => g.matmulTransposed(b, g.constant(new Float32Array(6), [2, 3])),
      '[5, 4] and the transpose of [2, 3]',
    ],
    ['Reshape', () => g.reshape(b, [3, 7]), '[5, 4] cannot be reshaped to [3, 7]'],
    ['Reshape', () => g.reshape(a, ['sequence', 'batch', 6]), '[batch, sequence, 6] cannot be reshaped'],
    ['Transpose', () => g.transpose(b, [0, 0]), '[0, 0] is no order of the axes of [5, 4]'],
    ['Split', () => g.split(b, 1, [1, 2]), 'axis 1 of [5, 4] is not 1 + 2 long'],
    ['Concat', () => g.concat([b, g.constant(new Float32Array(6), [2, 3])], 0), '[5, 4] and [2, 3]'],
    ['Gather', () => g.gather(b, a, 0), 'indices must be integers'],
    ['ReduceSum', () => g.reduceSum(b, [2], true), '[5, 4] has no axis 2'],
    ['LayerNormalization', () => g.layerNorm(a, b, b, 1e-5), '[5, 4] does not fit the last axis'],
  ])('%s names the node and the shapes', (op, build, shapes) => {
    expect(build).toThrow(GraphError);
    expect(build).toThrow(op);
    expect(build).toThrow(shapes);
  });

  it('keeps the sum of run-time dimensions as a name', () => {
    const past = g.input('past', 'float32', ['batch', 'past', 6]);
    expect(g.concat([past, a], 1).shape).toEqual(['batch', 'past+sequence', 6]);
  });
});

describe('differentiate', () => {
  it('refuses a value that does not reach the seed', () => {
    const g = new GraphBuilder('unreached');
    const a = g.input('a', 'float32', [3]);
    const b = g.input('b', 'float32', [3]);
    expect(() => differentiate(g, [{ value: g.exp(a), gradient: a }], [b])).toThrow('b does not reach');
  });

  it('refuses an op without a gradient, by name', () => {
    const g = new GraphBuilder('no gradient');
    const a = g.input('a', 'float32', [3]);
    const out = g.reduceMax(a, [0], true);
    const seed = g.input('seed', 'float32', [1]);
    expect(() => differentiate(g, [{ value: out, gradient: seed }], [a])).toThrow('ReduceMax has no gradient');
  });

  it('refuses a gradient of another shape', () => {
    const g = new GraphBuilder('wrong seed');
    const a = g.input('a', 'float32', [3]);
    const seed = g.input('seed', 'float32', [4]);
    expect(() => differentiate(g, [{ value: g.exp(a), gradient: seed }], [a])).toThrow('has shape [4], not [3]');
  });
});
