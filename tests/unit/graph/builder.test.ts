import { describe, expect, it } from 'vitest';
import { GraphError } from '../../../src/engine/errors.ts';
import { GraphBuilder } from '../../../src/engine/graph/builder.ts';
import { differentiate } from '../../../src/engine/graph/differentiate.ts';

describe('checks', () => {
  const g = new GraphBuilder('checks');
  const a = g.input('a', 'float32', ['batch', 'sequence', 6]);
  const b = g.input('b', 'float32', [5, 4]);
  const c = g.input('c', 'float32', [2, 3]);
  const ids = g.input('ids', 'int32', ['batch']);
  const foreign = new GraphBuilder('elsewhere').input('stranger', 'float32', [5, 4]);

  it.each([
    ['MatMul', () => g.matmul(a, b), 'a [batch, sequence, 6] and b [5, 4] cannot be multiplied'],
    ['Add', () => g.add(a, b), 'a [batch, sequence, 6] and b [5, 4] do not broadcast'],
    ['Add', () => g.add(a, ids), 'of different types, float32 and int32'],
    ['Exp', () => g.exp(ids), 'ids [batch] is int32, not float32'],
    ['Sub', () => g.sub(b, foreign), 'stranger is not of graph checks'],
    ['Max', () => g.maximum(b, c), 'b [5, 4] and c [2, 3] do not broadcast'],
    ['Gemm', () => g.matmulTransposed(b, c), 'b [5, 4] and the transpose of c [2, 3] cannot be multiplied'],
    ['Reshape', () => g.reshape(b, [3, 7]), 'b [5, 4] cannot be reshaped to [3, 7]'],
    ['Reshape', () => g.reshape(a, ['sequence', 'batch', 6]), 'a [batch, sequence, 6] cannot be reshaped'],
    ['Reshape', () => g.reshape(a, ['batch', 'sequence', 2, 4]), 'a [batch, sequence, 6] cannot be reshaped'],
    ['Reshape', () => g.reshape(a, ['batch', 6]), 'a [batch, sequence, 6] cannot be reshaped'],
    ['Transpose', () => g.transpose(b, [0, 0]), '[0, 0] is no order of the axes of b [5, 4]'],
    ['Split', () => g.split(b, 1, [1, 2]), 'axis 1 of b [5, 4] is not 1 + 2 long'],
    ['Split', () => g.split(a, 0, [1, 2]), 'axis 0 of a [batch, sequence, 6] is not 1 + 2 long'],
    ['Concat', () => g.concat([b, c], 0), 'b [5, 4] and c [2, 3] do not fit along axis 0'],
    ['Slice', () => g.slice(b, 1, 2, 5), 'axis 1 of b [5, 4] has no range 2 to 5'],
    ['Slice', () => g.slice(a, 1, 0, 1), 'axis 1 of a [batch, sequence, 6] is known at run time only'],
    ['Expand', () => g.expand(b, [5, 8]), 'b [5, 4] does not broadcast to [5, 8]'],
    ['Expand', () => g.expand(b, ['batch', 5, 4]), 'along the run-time dimensions of [batch, 5, 4]'],
    ['Unsqueeze', () => g.unsqueeze(b, [3]), 'b [5, 4] cannot get an axis 3 among 3'],
    ['Gather', () => g.gather(b, a, 0), 'the indices must be integers, but a [batch, sequence, 6] is float32'],
    ['ReduceSum', () => g.reduceSum(b, [2], true), 'b [5, 4] has no axis 2'],
    ['ReduceMax', () => g.reduceMax(b, [1, -1], true), '[1, -1] does not name axes of b [5, 4] once each'],
    ['LayerNormalization', () => g.layerNorm(a, b, b, 1e-5), 'b [5, 4] does not fit the last axis of a'],
    ['SimplifiedLayerNormalization', () => g.rmsNorm(a, c, 1e-5), 'c [2, 3] does not fit the last axis of a'],
  ])('%s names the node and the operands', (op, build, reason) => {
    expect(build).toThrow(GraphError);
    expect(build).toThrow(`${op}_0: `);
    expect(build).toThrow(reason);
    expect(g.nodes).toEqual([]);
  });

  it('refuses names twice, shapes that are none and constants that do not fill theirs', () => {
    expect(() => g.input('a', 'float32', [1])).toThrow('already has a value named a');
    expect(() => g.output('b', b)).toThrow('already has a value named b');
    expect(() => g.output('out', foreign)).toThrow('stranger is not of graph checks');
    expect(() => g.input('d', 'float32', [2.5])).toThrow('Input d: [2.5] is no shape');
    expect(() => g.constant(Float32Array.of(1, 2, 3), [2, 2], 'table')).toThrow('table: 3 values');
  });
});

describe('shapes', () => {
  const g = new GraphBuilder('shapes');
  const x = g.input('x', 'float32', ['batch', 'sequence', 6]);

  it('keeps the sum of run-time dimensions as a name', () => {
    const past = g.input('past', 'float32', ['batch', 'past', 6]);
    expect(g.concat([past, x], 1).shape).toEqual(['batch', 'past+sequence', 6]);
  });

  it('broadcasts names with themselves and 1', () => {
    const mask = g.input('mask', 'float32', ['sequence', 1]);
    expect(g.add(x, mask).shape).toEqual(['batch', 'sequence', 6]);
  });

  it('tells Reshape 0 for a dimension that stays and −1 for the one that moves', () => {
    const target = (shape: (number | string)[]): number[] => {
      const { name } = g.reshape(x, shape);
      const operand = g.nodes.find((node) => node.name === name)?.inputs[1];
      return [...(g.constants.find(({ value }) => value === operand)?.data as BigInt64Array)].map(Number);
    };
    expect(target(['batch', 'sequence', 2, 3])).toEqual([0, 0, 2, 3]);
    expect(target(['rows', 6])).toEqual([-1, 6]);
    expect(target(['batch', 1, 'sequence', 6])).toEqual([0, 1, -1, 6]);
  });

  it('numbers nodes by their place', () => {
    const fresh = new GraphBuilder('names');
    const y = fresh.exp(fresh.input('y', 'float32', [2]));
    expect([y.name, fresh.neg(y).name]).toEqual(['Exp_0', 'Neg_1']);
  });
});

describe('differentiate refuses', () => {
  const build = (): { g: GraphBuilder; a: ReturnType<GraphBuilder['input']> } => {
    const g = new GraphBuilder('refused');
    return { g, a: g.input('a', 'float32', [3]) };
  };

  it('a value that does not reach the seed', () => {
    const { g, a } = build();
    const b = g.input('b', 'float32', [3]);
    expect(() => differentiate(g, [{ value: g.exp(a), gradient: a }], [b])).toThrow('b does not reach');
    expect(() => differentiate(g, [{ value: g.stopGradient(a), gradient: b }], [a])).toThrow('a does not reach');
  });

  it('a value without gradients', () => {
    const { g, a } = build();
    const ids = g.input('ids', 'int64', [1]);
    expect(() => differentiate(g, [{ value: g.gather(a, ids, 0), gradient: a }], [ids])).toThrow('ids is int64');
  });

  it('a gradient of another shape', () => {
    const { g, a } = build();
    const seed = g.input('seed', 'float32', [4]);
    expect(() => differentiate(g, [{ value: g.exp(a), gradient: seed }], [a])).toThrow('has shape [4], not [3]');
  });

  it('an op without a gradient, by name', () => {
    const { g, a } = build();
    const seed = g.input('seed', 'float32', [1]);
    const ids = g.input('ids', 'int32', [1]);
    for (const [value, op] of [
      [g.reduceMax(a, [0], true), 'ReduceMax'],
      [g.maximum(seed, g.slice(a, 0, 0, 1)), 'Max'],
      [g.gather(a, ids, 0), 'Gather'],
    ] as const) {
      expect(() => differentiate(g, [{ value, gradient: seed }], [a])).toThrow(`${value.name}: ${op} has no gradient`);
    }
  });

  it('what depends on run-time lengths', () => {
    const g = new GraphBuilder('run-time');
    const a = g.input('a', 'float32', ['past', 2]);
    const b = g.input('b', 'float32', ['sequence', 2]);
    const joined = g.concat([a, b], 0);
    const joinedSeed = g.input('joined_seed', 'float32', joined.shape);
    expect(() => differentiate(g, [{ value: joined, gradient: joinedSeed }], [a])).toThrow('past and sequence');
    const mean = g.reduceMean(a, [0], true);
    const meanSeed = g.input('mean_seed', 'float32', mean.shape);
    expect(() => differentiate(g, [{ value: mean, gradient: meanSeed }], [a])).toThrow('a [past, 2] over a run-time');
  });

  it('a second derivative of LayerNorm, rather than a wrong one', () => {
    const { g, a } = build();
    const out = g.layerNorm(a, a, a, 1e-5);
    const seed = g.input('seed', 'float32', [3]);
    const [first] = differentiate(g, [{ value: out, gradient: seed }], [a]);
    expect(() => differentiate(g, [{ value: first, gradient: seed }], [a])).toThrow('cannot be differentiated again');
  });
});
