/**
 * Every op: onnxruntime's forward pass against a double-precision interpreter, and the emitted gradient, run by
 * onnxruntime, against central finite differences of the interpreter.
 */
import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Dim, type Value } from '../../../src/engine/graph/builder.ts';
import { differentiate } from '../../../src/engine/graph/differentiate.ts';
import { serializeModel } from '../../../src/engine/graph/serialize.ts';
import { seededRandom } from '../../../src/engine/editing/random.ts';
import { evaluate, type Dense } from './interpreter.ts';

ort.env.wasm.numThreads = 1;

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

const STEP = 1e-5;

describe('forward passes and gradients', () => {
  it.each(cases)('$name', async ({ inputs, sizes = [{}], positive = false, build }) => {
    const g = new GraphBuilder('test');
    const values = Object.fromEntries(
      Object.entries(inputs).map(([name, shape]) => [name, g.input(name, 'float32', shape)]),
    );
    const out = build(g, values);
    g.output('out', out);
    const seed = g.input('seed', 'float32', out.shape);
    const names = Object.keys(inputs);
    const gradients = differentiate(
      g,
      [{ value: out, gradient: seed }],
      names.map((name) => values[name]),
    );
    gradients.forEach((gradient, i) => g.output(`d_${names[i]}`, gradient));
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
      given.seed = draw(out.shape, -1);

      const results = await session.run(
        Object.fromEntries(
          Object.entries(given).map(([name, { data, shape }]) => [
            name,
            new ort.Tensor('float32', Float32Array.from(data), shape),
          ]),
        ),
      );
      const expected = evaluate(g, given);
      expectClose(results.out, expected.out, 2e-6);
      for (const name of names) {
        const data = new Float64Array(given[name].data.length);
        for (let i = 0; i < data.length; i += 1) {
          const objective = (shift: number): number => {
            const moved = given[name].data.slice();
            moved[i] += shift;
            const { out: at } = evaluate(g, { ...given, [name]: { ...given[name], data: moved } });
            return at.data.reduce((sum, value, j) => sum + value * given.seed.data[j], 0);
          };
          data[i] = (objective(STEP) - objective(-STEP)) / (2 * STEP);
        }
        expectClose(results[`d_${name}`], { shape: given[name].shape, data }, 2e-5);
      }
    }
  });
});

function expectClose(actual: ort.Tensor, expected: Dense, tolerance: number): void {
  expect(actual.dims).toEqual([...expected.shape]);
  const values = actual.data as Float32Array;
  const scale = Math.max(1e-3, ...expected.data.map(Math.abs));
  expected.data.forEach((value, i) => expect(Math.abs(values[i] - value) / scale).toBeLessThan(tolerance));
}
