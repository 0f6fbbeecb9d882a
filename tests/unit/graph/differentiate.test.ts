/**
 * Every op: onnxruntime's forward pass against a double-precision interpreter, and the emitted gradient, run by
 * onnxruntime, against central finite differences of the interpreter.
 */
import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { softCap } from '../../../src/engine/families/layers.ts';
import { GraphBuilder, type Dim, type Value } from '../../../src/engine/graph/builder.ts';
import { differentiate } from '../../../src/engine/graph/differentiate.ts';
import { serializeModel } from '../../../src/engine/graph/serialize.ts';
import { seededRandom } from '../../../src/engine/random.ts';
import { evaluate, type Dense } from './interpreter.ts';
import { transformerBlock } from './transformer-block.ts';

ort.env.wasm.numThreads = 1;

/** Ops that onnxruntime's WebGPU provider runs without falling back to the CPU. */
const WEBGPU_OPS = new Set(
  (
    'Add Sub Mul Div Max Neg Exp Sqrt Reciprocal Pow Tanh Sigmoid Erf Gelu Relu Greater Where Identity Softmax LayerNormalization ' +
    'SimplifiedLayerNormalization MatMul Gemm Reshape Transpose Split Concat Slice Pad Expand Unsqueeze Gather ' +
    'ReduceSum ReduceMean ReduceMax'
  ).split(' '),
);

interface Case {
  name: string;
  /** Symbolic shapes of the float inputs, and the sizes to run with. */
  inputs: Record<string, Dim[]>;
  sizes?: Record<string, number>[];
  /** Keeps the values away from where the op is not smooth or not defined. */
  positive?: boolean;
  build: (g: GraphBuilder, x: Record<string, Value>) => Value;
}

const DYNAMIC = [
  { batch: 1, sequence: 1, past: 1 },
  { batch: 2, sequence: 3, past: 5 },
];

const cases: Case[] = [
  { name: 'add, broadcast from a row', inputs: { a: [3, 4], b: [4] }, build: (g, { a, b }) => g.add(a, b) },
  { name: 'sub, broadcast both ways', inputs: { a: [3, 1], b: [1, 4] }, build: (g, { a, b }) => g.sub(a, b) },
  { name: 'mul, broadcast over a new axis', inputs: { a: [2, 3, 4], b: [3, 1] }, build: (g, { a, b }) => g.mul(a, b) },
  { name: 'div', inputs: { a: [3, 4], b: [3, 4] }, positive: true, build: (g, { a, b }) => g.div(a, b) },
  { name: 'div by a scalar tensor', inputs: { a: [3, 4], b: [] }, positive: true, build: (g, { a, b }) => g.div(a, b) },
  { name: 'neg', inputs: { a: [5] }, build: (g, { a }) => g.neg(a) },
  { name: 'exp', inputs: { a: [5] }, build: (g, { a }) => g.exp(a) },
  { name: 'sqrt', inputs: { a: [5] }, positive: true, build: (g, { a }) => g.sqrt(a) },
  { name: 'reciprocal', inputs: { a: [5] }, positive: true, build: (g, { a }) => g.reciprocal(a) },
  { name: 'tanh', inputs: { a: [5] }, build: (g, { a }) => g.tanh(a) },
  { name: 'sigmoid', inputs: { a: [5] }, build: (g, { a }) => g.sigmoid(a) },
  { name: 'erf', inputs: { a: [5] }, build: (g, { a }) => g.erf(a) },
  { name: 'silu', inputs: { a: [7] }, build: (g, { a }) => g.silu(a) },
  { name: 'gelu, exact', inputs: { a: [7] }, build: (g, { a }) => g.gelu(a, 'none') },
  { name: 'gelu by tanh', inputs: { a: [7] }, build: (g, { a }) => g.gelu(a, 'tanh') },
  {
    name: 'relu over run-time batches',
    inputs: { a: ['batch', 'sequence', 6] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.relu(a),
  },
  {
    name: 'scores kept between bounds by tanh',
    inputs: { a: ['batch', 2, 'sequence', 4] },
    sizes: DYNAMIC,
    build: (g, { a }) => softCap(g, a, 0.7),
  },
  { name: 'softmax', inputs: { a: [2, 3, 5] }, build: (g, { a }) => g.softmax(a) },
  {
    name: 'layerNorm over run-time batches',
    inputs: { a: ['batch', 'sequence', 6], scale: [6], bias: [6] },
    sizes: DYNAMIC,
    build: (g, { a, scale, bias }) => g.layerNorm(a, scale, bias, 1e-5),
  },
  { name: 'matmul', inputs: { a: [3, 4], b: [4, 5] }, build: (g, { a, b }) => g.matmul(a, b) },
  {
    name: 'matmul, batched against a matrix',
    inputs: { a: ['batch', 'sequence', 4], b: [4, 3] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.matmul(a, b),
  },
  {
    name: 'matmul, four axes',
    inputs: { a: ['batch', 2, 'sequence', 3], b: ['batch', 2, 3, 'past'] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.matmul(a, b),
  },
  {
    name: 'matmulTransposed',
    inputs: { a: ['rows', 4], b: [5, 4] },
    sizes: [{ rows: 1 }, { rows: 3 }],
    build: (g, { a, b }) => g.matmulTransposed(a, b),
  },
  {
    name: 'reshape with run-time dimensions',
    inputs: { a: ['batch', 'sequence', 6] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.reshape(g.exp(a), ['batch', 'sequence', 2, 3]),
  },
  { name: 'transpose', inputs: { a: [2, 3, 4] }, build: (g, { a }) => g.transpose(g.exp(a), [2, 0, 1]) },
  {
    name: 'split, of which one part is not used',
    inputs: { a: [2, 9] },
    build: (g, { a }) => {
      const [first, , third] = g.split(a, 1, [2, 3, 4]);
      return g.matmul(g.transpose(first, [1, 0]), third);
    },
  },
  { name: 'concat', inputs: { a: [2, 3], b: [2, 2] }, build: (g, { a, b }) => g.exp(g.concat([a, b, a], 1)) },
  {
    name: 'reduceSum without its axes',
    inputs: { a: [2, 3, 4] },
    build: (g, { a }) => g.exp(g.reduceSum(a, [0, 2], false)),
  },
  {
    name: 'reduceMean keeping its axis',
    inputs: { a: [2, 3, 4] },
    build: (g, { a }) => g.exp(g.reduceMean(a, [1], true)),
  },
  {
    name: 'a softmax in two parts, shifted by a stopped maximum',
    inputs: {
      a: ['batch', 'sequence', 'past'],
      b: ['batch', 'sequence', 4],
      v: ['batch', 'past', 3],
      w: ['batch', 4, 3],
    },
    sizes: DYNAMIC,
    build: (g, { a, b, v, w }) => {
      const peak = g.stopGradient(g.maximum(g.reduceMax(a, [2], true), g.reduceMax(b, [2], true)));
      const [left, right] = [g.exp(g.sub(a, peak)), g.exp(g.sub(b, peak))];
      const total = g.add(g.reduceSum(left, [2], true), g.reduceSum(right, [2], true));
      return g.div(g.add(g.matmul(left, v), g.matmul(right, w)), total);
    },
  },
  { name: 'a value used three times', inputs: { a: [4] }, build: (g, { a }) => g.add(g.mul(a, g.mul(a, a)), g.exp(a)) },
];

const ones = (g: GraphBuilder, shape: readonly number[]): Value =>
  g.constant(new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(1), shape);

/** The gradient with respect to `of` as the function: its own gradient is the second derivative. */
const derivative =
  (of: string, shape: readonly number[], build: Case['build']): Case['build'] =>
  (g, x) =>
    differentiate(g, [{ value: build(g, x), gradient: ones(g, shape) }], [x[of]])[0];

cases.push(
  { name: 'pow, cube', inputs: { a: [5] }, build: (g, { a }) => g.pow(a, 3) },
  { name: 'pow, inverse root', inputs: { a: [5] }, positive: true, build: (g, { a }) => g.pow(a, -0.5) },
  {
    name: 'rmsNorm over run-time batches',
    inputs: { a: ['batch', 'sequence', 6], scale: [6] },
    sizes: DYNAMIC,
    build: (g, { a, scale }) => g.rmsNorm(a, scale, 1e-6),
  },
  {
    name: 'mul, broadcast over a new leading axis of run-time shapes',
    inputs: { a: [2, 'batch', 'sequence'], b: ['batch', 'sequence'] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.mul(a, b),
  },
  {
    name: 'add, repeated along run-time dimensions, new and of length 1',
    inputs: { a: ['batch', 'sequence', 3], b: [1, 3] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.exp(g.add(a, b)),
  },
  {
    name: 'matmul of broadcast batches',
    inputs: { a: [2, 1, 3, 4], b: [5, 4, 2] },
    build: (g, { a, b }) => g.matmul(a, b),
  },
  {
    name: 'matmul of a matrix with a batch',
    inputs: { a: [3, 4], b: ['batch', 4, 2] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.matmul(a, b),
  },
  {
    name: 'matmulTransposed of a batch',
    inputs: { a: ['batch', 'sequence', 4], b: [5, 4] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.matmulTransposed(a, b),
  },
  {
    name: 'reshape that merges a run-time dimension',
    inputs: { a: ['batch', 2, 3], w: [3, 4] },
    sizes: DYNAMIC,
    build: (g, { a, w }) => g.tanh(g.matmul(g.reshape(a, ['rows', 3]), w)),
  },
  {
    name: 'transpose of run-time dimensions',
    inputs: { a: ['batch', 'sequence', 2, 3] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.exp(g.transpose(a, [0, 2, 1, 3])),
  },
  {
    name: 'split, of which only the middle is used',
    inputs: { a: ['batch', 9] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.exp(g.split(a, -1, [2, 3, 4])[1]),
  },
  {
    name: 'split, of which the ends are used',
    inputs: { a: ['batch', 10] },
    sizes: DYNAMIC,
    build: (g, { a }) => {
      const [, second, , fourth] = g.split(a, 1, [2, 3, 2, 3]);
      return g.mul(second, fourth);
    },
  },
  {
    name: 'concat of run-time rows',
    inputs: { a: ['batch', 3], b: ['batch', 2] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.exp(g.concat([a, b], -1)),
  },
  {
    name: 'slices from the middle and the end',
    inputs: { a: ['batch', 7, 2] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.mul(g.slice(a, 1, 2, 5), g.slice(a, 1, 4, 7)),
  },
  {
    name: 'unsqueeze between run-time dimensions',
    inputs: { a: ['batch', 'sequence'], b: [4, 1] },
    sizes: DYNAMIC,
    build: (g, { a, b }) => g.mul(g.unsqueeze(a, [1, -2]), b),
  },
  {
    name: 'expand beside run-time dimensions',
    inputs: { a: ['batch', 1, 3] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.exp(g.expand(a, [2, 'batch', 4, 3])),
  },
  {
    name: 'reduceMean of the last axis, counted from the end',
    inputs: { a: ['batch', 4] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.exp(g.reduceMean(a, [-1], false)),
  },
  {
    name: 'reduceSum alone over run-time dimensions',
    inputs: { a: ['batch', 3, 'past'] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.reduceSum(a, [0, 2], false),
  },
  { name: 'reduceSum alone', inputs: { a: [2, 3, 4] }, build: (g, { a }) => g.reduceSum(a, [1], false) },
  {
    name: 'reduceSum whose gradient is both repeated and added to',
    inputs: { a: ['batch', 'past'] },
    sizes: DYNAMIC,
    build: (g, { a }) => g.div(g.exp(a), g.reduceSum(g.exp(a), [1], true)),
  },
  {
    name: 'second derivative through products',
    inputs: { a: [3, 4], b: [4, 2] },
    build: derivative('a', [3, 2], (g, { a, b }) => g.tanh(g.matmul(a, b))),
  },
  {
    name: 'second derivative through products, of the right operand',
    inputs: { a: [3, 4], b: [4, 2] },
    build: derivative('b', [3, 2], (g, { a, b }) => g.tanh(g.matmul(a, b))),
  },
  {
    name: 'second derivative through a transposed product',
    inputs: { a: [3, 4], b: [2, 4] },
    build: derivative('a', [3, 2], (g, { a, b }) => g.sigmoid(g.matmulTransposed(a, b))),
  },
  {
    name: 'second derivative through relu',
    inputs: { a: [3, 4], b: [4, 2] },
    build: derivative('a', [3, 2], (g, { a, b }) => g.tanh(g.matmul(g.relu(a), b))),
  },
  {
    name: 'second derivative through slice, expand and rmsNorm',
    inputs: { a: [2, 6], scale: [4] },
    build: derivative('a', [3, 2, 4], (g, { a, scale }) =>
      g.expand(g.exp(g.rmsNorm(g.slice(a, 1, 1, 5), scale, 1e-3)), [3, 2, 4]),
    ),
  },
  {
    name: 'a transformer block attending to cached tokens and to its own',
    ...transformerBlock({ hidden: 4, heads: 2, inner: 6 }),
    sizes: [
      { batch: 1, sequence: 1, past: 1 },
      { batch: 2, sequence: 3, past: 2 },
      { batch: 1, sequence: 2, past: 4 },
    ],
  },
);

const STEP = 1e-5;

describe('forward passes and gradients', () => {
  it.each(cases)('$name', async ({ inputs, sizes = [{}], positive = false, build }) => {
    const names = Object.keys(inputs);
    const begin = (): { g: GraphBuilder; values: Record<string, Value>; out: Value } => {
      const g = new GraphBuilder('test');
      const values = Object.fromEntries(names.map((name) => [name, g.input(name, 'float32', inputs[name])]));
      const out = build(g, values);
      g.output('out', out);
      return { g, values, out };
    };
    const { g: forward } = begin();
    const { g, values, out } = begin();
    const seed = g.input('seed', 'float32', out.shape);
    const gradients = differentiate(
      g,
      [{ value: out, gradient: seed }],
      names.map((name) => values[name]),
    );
    gradients.forEach((gradient, i) => {
      expect(gradient.shape).toEqual(inputs[names[i]]);
      g.output(`d_${names[i]}`, gradient);
    });
    expect(g.nodes.filter(({ op }) => !WEBGPU_OPS.has(op))).toEqual([]);
    const session = await ort.InferenceSession.create(serializeModel(g));

    for (const bound of sizes) {
      const random = seededRandom(7);
      const draw = (shape: readonly Dim[], lowest: number): Dense => {
        const dims = shape.map((dim) => (typeof dim === 'number' ? dim : bound[dim]));
        const data = new Float64Array(dims.reduce((product, dim) => product * dim, 1));
        // Rounded to float32, so that both sides see the same numbers.
        return { shape: dims, data: data.map(() => Math.fround(lowest + 2 * random())) };
      };
      const given: Record<string, Dense> = Object.fromEntries(
        Object.entries(inputs).map(([name, shape]) => [name, draw(shape, positive ? 0.5 : -1)]),
      );
      const expected = evaluate(forward, given);
      const seedValues = draw(expected.out.shape, -1);

      const results = await session.run(
        Object.fromEntries(
          Object.entries({ ...given, seed: seedValues }).map(([name, { data, shape }]) => [
            name,
            new ort.Tensor('float32', Float32Array.from(data), shape),
          ]),
        ),
      );
      expectClose(results.out, expected.out, 2e-6);
      for (const name of names) {
        const data = new Float64Array(given[name].data.length);
        for (let i = 0; i < data.length; i += 1) {
          const objective = (shift: number): number => {
            const moved = given[name].data.slice();
            moved[i] += shift;
            const { out: at } = evaluate(forward, { ...given, [name]: { ...given[name], data: moved } });
            return at.data.reduce((sum, value, j) => sum + value * seedValues.data[j], 0);
          };
          data[i] = (objective(STEP) - objective(-STEP)) / (2 * STEP);
        }
        expectClose(results[`d_${name}`], { shape: given[name].shape, data }, 2e-5);
      }
    }
  });
});

describe('where gradients end', () => {
  const run = async (g: GraphBuilder, feeds: Record<string, ort.Tensor>): Promise<Record<string, number[]>> => {
    const results = await (await ort.InferenceSession.create(serializeModel(g))).run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...(data as Float32Array)]]));
  };
  const floats = (...values: number[]): ort.Tensor => new ort.Tensor('float32', values, [values.length]);

  it('takes a stopped value as a constant', async () => {
    const g = new GraphBuilder('stopped');
    const [x, seed] = ['x', 'seed'].map((name) => g.input(name, 'float32', [3]));
    const out = g.mul(g.stopGradient(g.exp(x)), x);
    g.output('d', differentiate(g, [{ value: out, gradient: seed }], [x])[0]);
    const { d } = await run(g, { x: floats(0, 1, -2), seed: floats(1, 2, 3) });
    [1, 2 * Math.E, 3 * Math.exp(-2)].forEach((value, i) => expect(d[i]).toBeCloseTo(value, 5));
  });

  it('writes nothing for what is stopped', () => {
    const g = new GraphBuilder('shifted');
    const [x, seed] = ['x', 'seed'].map((name) => g.input(name, 'float32', [3]));
    const out = g.exp(g.sub(x, g.stopGradient(g.reduceMax(x, [0], true))));
    const before = g.nodes.length;
    differentiate(g, [{ value: out, gradient: seed }], [x]);
    expect(g.nodes.slice(before).map(({ op }) => op)).toEqual(['Mul']);
  });

  it('begins at a value whose own op has no gradient', async () => {
    const g = new GraphBuilder('begins');
    const x = g.input('x', 'float32', [3]);
    const seed = g.input('seed', 'float32', [1]);
    const peak = g.reduceMax(x, [0], true);
    g.output('d', differentiate(g, [{ value: g.mul(peak, peak), gradient: seed }], [peak])[0]);
    expect((await run(g, { x: floats(1, 4, 2), seed: floats(0.5) })).d).toEqual([4]);
  });

  it('passes masked scores of minus infinity', async () => {
    const g = new GraphBuilder('masked');
    const x = g.input('x', 'float32', ['past']);
    const seed = g.input('seed', 'float32', [1]);
    const total = g.reduceSum(x, [0], true);
    g.output('d', differentiate(g, [{ value: total, gradient: seed }], [x])[0]);
    expect((await run(g, { x: floats(1, -Infinity, 2), seed: floats(0.5) })).d).toEqual([0.5, 0.5, 0.5]);
  });

  it('adds the gradients of several seeds, and gives those of values on the way', async () => {
    const g = new GraphBuilder('seeds');
    const [x, seedY, seedZ] = ['x', 'seed_y', 'seed_z'].map((name) => g.input(name, 'float32', [2]));
    const y = g.mul(x, g.scalar(3));
    const z = g.mul(y, y);
    const seeds = [
      { value: z, gradient: seedZ },
      { value: y, gradient: seedY },
    ];
    differentiate(g, seeds, [x, y]).forEach((gradient, i) => g.output(['dx', 'dy'][i], gradient));
    const { dx, dy } = await run(g, { x: floats(1, -2), seed_y: floats(5, 7), seed_z: floats(1, 0.5) });
    expect(dy).toEqual([2 * 3 + 5, -6 + 7]);
    expect(dx).toEqual([33, 3]);
  });

  it('looks rows up, and differentiates what follows', async () => {
    const g = new GraphBuilder('lookup');
    const table = g.input('table', 'float32', [4, 2]);
    const ids = g.input('ids', 'int32', ['batch', 'sequence']);
    const scale = g.input('scale', 'float32', [2]);
    const seed = g.input('seed', 'float32', ['batch', 'sequence', 2]);
    const rows = g.gather(table, ids, 0);
    expect(rows.shape).toEqual(['batch', 'sequence', 2]);
    g.output('rows', rows);
    g.output('d', differentiate(g, [{ value: g.mul(rows, scale), gradient: seed }], [scale])[0]);
    const { rows: found, d } = await run(g, {
      table: new ort.Tensor('float32', [0.5, 1, 2, 3, 4, 5, 6, 7], [4, 2]),
      ids: new ort.Tensor('int32', Int32Array.of(3, 0, 2, 3), [2, 2]),
      scale: floats(1, 2),
      seed: new ort.Tensor('float32', [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]),
    });
    expect(found).toEqual([6, 7, 0.5, 1, 4, 5, 6, 7]);
    expect(d).toEqual([6 + 1.5 + 20 + 42, 14 + 4 + 30 + 56]);
  });
});

function expectClose(actual: ort.Tensor, expected: Dense, tolerance: number): void {
  expect(actual.dims).toEqual([...expected.shape]);
  const values = actual.data as Float32Array;
  const scale = Math.max(1e-3, ...expected.data.map(Math.abs));
  expected.data.forEach((value, i) => expect(Math.abs(values[i] - value) / scale).toBeLessThan(tolerance));
}
