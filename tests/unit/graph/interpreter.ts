/** Evaluates a graph in double precision, op by op: the oracle for onnxruntime's forward pass and for finite differences. */
import type { GraphBuilder, GraphNode, Value } from '../../../src/engine/graph/builder.ts';

export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const size = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** Calls `visit` with every index of `shape` and its flat position. */
function eachIndex(shape: readonly number[], visit: (index: number[], at: number) => void): void {
  const index = shape.map(() => 0);
  for (let at = 0; at < size(shape); at += 1) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] += 1;
      if (index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/** Reads `x` at an index of a shape it broadcasts to. */
function at(x: Dense, index: readonly number[]): number {
  const offset = index.length - x.shape.length;
  let flat = 0;
  x.shape.forEach((dim, axis) => {
    flat = flat * dim + (dim === 1 ? 0 : index[axis + offset]);
  });
  return x.data[flat];
}

function make(shape: readonly number[], value: (index: number[]) => number): Dense {
  const data = new Float64Array(size(shape));
  eachIndex(shape, (index, i) => {
    data[i] = value(index);
  });
  return { shape, data };
}

function broadcast(a: Dense, b: Dense, f: (x: number, y: number) => number): Dense {
  const rank = Math.max(a.shape.length, b.shape.length);
  const shape = Array.from({ length: rank }, (_, i) =>
    Math.max(a.shape[i - rank + a.shape.length] ?? 1, b.shape[i - rank + b.shape.length] ?? 1),
  );
  return make(shape, (index) => f(at(a, index), at(b, index)));
}

const map = (x: Dense, f: (value: number) => number): Dense => ({ shape: x.shape, data: x.data.map(f) });

/** Abramowitz and Stegun 7.1.5/7.1.14: series for small, continued fraction for large arguments; good to 1e-14. */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; n < 120; n += 1) {
      term *= (-z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = z;
  for (let n = 80; n > 0; n -= 1) fraction = z + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (fraction * Math.sqrt(Math.PI)));
}

function matmul(a: Dense, b: Dense): Dense {
  const [m, k] = a.shape.slice(-2);
  const n = b.shape[b.shape.length - 1];
  const rank = Math.max(a.shape.length, b.shape.length) - 2;
  const batch = Array.from({ length: rank }, (_, i) =>
    Math.max(a.shape[i - rank + a.shape.length - 2] ?? 1, b.shape[i - rank + b.shape.length - 2] ?? 1),
  );
  return make([...batch, m, n], (index) => {
    const lead = index.slice(0, rank);
    const [row, column] = index.slice(rank);
    let sum = 0;
    for (let i = 0; i < k; i += 1) sum += at(a, [...lead, row, i]) * at(b, [...lead, i, column]);
    return sum;
  });
}

function transpose(x: Dense, perm: readonly number[]): Dense {
  return make(
    perm.map((axis) => x.shape[axis]),
    (index) => {
      const source: number[] = [];
      perm.forEach((axis, i) => (source[axis] = index[i]));
      return at(x, source);
    },
  );
}

function reduce(
  x: Dense,
  axes: readonly number[],
  keep: boolean,
  start: number,
  f: (a: number, b: number) => number,
): Dense {
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const data = new Float64Array(size(kept)).fill(start);
  eachIndex(x.shape, (index, i) => {
    let flat = 0;
    kept.forEach((dim, axis) => (flat = flat * dim + (dim === 1 ? 0 : index[axis])));
    data[flat] = f(data[flat], x.data[i]);
  });
  return { shape: keep ? kept : kept.filter((_, axis) => !axes.includes(axis)), data };
}

function slice(x: Dense, axis: number, start: number, length: number): Dense {
  const shape = x.shape.map((dim, i) => (i === axis ? length : dim));
  return make(shape, (index) =>
    at(
      x,
      index.map((value, i) => (i === axis ? value + start : value)),
    ),
  );
}

function evaluateNode({ op, attributes }: GraphNode, inputs: readonly Dense[]): Dense[] {
  const [x, y] = inputs;
  const ints = (value: Dense): number[] => [...value.data];
  switch (op) {
    case 'Add':
      return [broadcast(x, y, (a, b) => a + b)];
    case 'Sub':
      return [broadcast(x, y, (a, b) => a - b)];
    case 'Mul':
      return [broadcast(x, y, (a, b) => a * b)];
    case 'Div':
      return [broadcast(x, y, (a, b) => a / b)];
    case 'Max':
      return [broadcast(x, y, Math.max)];
    case 'Pow':
      return [broadcast(x, y, (a, b) => a ** b)];
    case 'Neg':
      return [map(x, (v) => -v)];
    case 'Exp':
      return [map(x, Math.exp)];
    case 'Sqrt':
      return [map(x, Math.sqrt)];
    case 'Reciprocal':
      return [map(x, (v) => 1 / v)];
    case 'Tanh':
      return [map(x, Math.tanh)];
    case 'Sigmoid':
      return [map(x, (v) => 1 / (1 + Math.exp(-v)))];
    case 'Relu':
      return [map(x, (v) => Math.max(v, 0))];
    case 'Greater':
      return [broadcast(x, y, (a, b) => (a > b ? 1 : 0))];
    case 'Where': {
      const chosen = broadcast(x, y, (condition, a) => (condition ? a : 0));
      const rest = broadcast(x, inputs[2], (condition, b) => (condition ? 0 : b));
      return [broadcast(chosen, rest, (a, b) => a + b)];
    }
    case 'Erf':
      return [map(x, erf)];
    case 'Identity':
      return [x];
    case 'Gelu':
      return [
        attributes.approximate === 'tanh'
          ? map(x, (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))))
          : map(x, (v) => 0.5 * v * (1 + erf(v / Math.SQRT2))),
      ];
    case 'Softmax': {
      const last = [x.shape.length - 1];
      const exps = broadcast(x, reduce(x, last, true, -Infinity, Math.max), (a, peak) => Math.exp(a - peak));
      return [
        broadcast(
          exps,
          reduce(exps, last, true, 0, (a, b) => a + b),
          (a, sum) => a / sum,
        ),
      ];
    }
    case 'LayerNormalization': {
      const last = [x.shape.length - 1];
      const width = x.shape[last[0]];
      const mean = map(
        reduce(x, last, true, 0, (a, b) => a + b),
        (sum) => sum / width,
      );
      const centered = broadcast(x, mean, (a, m) => a - m);
      const variance = map(
        reduce(
          map(centered, (v) => v * v),
          last,
          true,
          0,
          (a, b) => a + b,
        ),
        (sum) => sum / width,
      );
      const { float: epsilon } = attributes.epsilon as { float: number };
      const inverse = map(variance, (v) => 1 / Math.sqrt(v + epsilon));
      const normalized = broadcast(centered, inverse, (a, b) => a * b);
      return [
        broadcast(
          broadcast(normalized, y, (a, b) => a * b),
          inputs[2],
          (a, b) => a + b,
        ),
        mean,
        inverse,
      ];
    }
    case 'SimplifiedLayerNormalization': {
      const last = [x.shape.length - 1];
      const { float: epsilon } = attributes.epsilon as { float: number };
      const squares = reduce(
        map(x, (v) => v * v),
        last,
        true,
        0,
        (a, b) => a + b,
      );
      const normalized = broadcast(x, squares, (a, sum) => a / Math.sqrt(sum / x.shape[last[0]] + epsilon));
      return [broadcast(normalized, y, (a, b) => a * b)];
    }
    case 'MatMul':
      return [matmul(x, y)];
    case 'Gemm': {
      const turned = (matrix: Dense, flag: unknown): Dense => (flag === 1 ? transpose(matrix, [1, 0]) : matrix);
      return [matmul(turned(x, attributes.transA), turned(y, attributes.transB))];
    }
    case 'Reshape': {
      const target = ints(y).map((dim, axis) => (dim === 0 ? x.shape[axis] : dim));
      const known = target.filter((dim) => dim !== -1).reduce((product, dim) => product * dim, 1);
      return [{ shape: target.map((dim) => (dim === -1 ? x.data.length / known : dim)), data: x.data }];
    }
    case 'Transpose':
      return [transpose(x, attributes.perm as number[])];
    case 'Split': {
      let start = 0;
      return ints(y).map((length) => {
        const part = slice(x, Number(attributes.axis), start, length);
        start += length;
        return part;
      });
    }
    case 'Concat': {
      const axis = Number(attributes.axis);
      const starts = inputs.map((_, i) => inputs.slice(0, i).reduce((sum, { shape }) => sum + shape[axis], 0));
      const total = inputs.reduce((sum, { shape }) => sum + shape[axis], 0);
      return [
        make(
          x.shape.map((dim, i) => (i === axis ? total : dim)),
          (index) => {
            const part = starts.findLastIndex((start) => start <= index[axis]);
            return at(
              inputs[part],
              index.map((value, i) => (i === axis ? value - starts[part] : value)),
            );
          },
        ),
      ];
    }
    case 'Slice': {
      const [[start], [end], [axis]] = inputs.slice(1).map(ints);
      return [slice(x, axis, start, end - start)];
    }
    case 'Pad': {
      const pads = ints(y);
      const rank = x.shape.length;
      const shape = x.shape.map((dim, axis) => pads[axis] + dim + pads[axis + rank]);
      return [
        make(shape, (index) => {
          const source = index.map((value, axis) => value - pads[axis]);
          return source.every((value, axis) => value >= 0 && value < x.shape[axis]) ? at(x, source) : 0;
        }),
      ];
    }
    case 'Expand': {
      const zeros = { shape: ints(y), data: new Float64Array(size(ints(y))) };
      return [broadcast(x, zeros, (a) => a)];
    }
    case 'Unsqueeze': {
      const rest = [...x.shape];
      const rank = x.shape.length + y.data.length;
      return [
        {
          shape: Array.from({ length: rank }, (_, axis) => (ints(y).includes(axis) ? 1 : rest.shift()!)),
          data: x.data,
        },
      ];
    }
    case 'Gather': {
      const axis = Number(attributes.axis);
      const shape = [...x.shape.slice(0, axis), ...y.shape, ...x.shape.slice(axis + 1)];
      return [
        make(shape, (index) => {
          const row = at(y, index.slice(axis, axis + y.shape.length));
          return at(x, [...index.slice(0, axis), row, ...index.slice(axis + y.shape.length)]);
        }),
      ];
    }
    case 'ReduceSum':
      return [reduce(x, ints(y), attributes.keepdims === 1, 0, (a, b) => a + b)];
    case 'ReduceMean': {
      const count = ints(y).reduce((product, axis) => product * x.shape[axis], 1);
      return [
        map(
          reduce(x, ints(y), attributes.keepdims === 1, 0, (a, b) => a + b),
          (sum) => sum / count,
        ),
      ];
    }
    case 'ReduceMax':
      return [reduce(x, ints(y), attributes.keepdims === 1, -Infinity, Math.max)];
    default:
      throw new Error(`The interpreter does not know ${op}.`);
  }
}

/** The graph's outputs by name. */
export function evaluate(builder: GraphBuilder, inputs: Readonly<Record<string, Dense>>): Record<string, Dense> {
  const values = new Map<Value, Dense>();
  for (const { value, data } of builder.constants) {
    values.set(value, {
      shape: value.shape as number[],
      data: Float64Array.from(data as ArrayLike<number | bigint>, Number),
    });
  }
  for (const input of builder.inputs) values.set(input, inputs[input.name]);
  for (const node of builder.nodes) {
    const results = evaluateNode(
      node,
      node.inputs.map((input) => values.get(input)!),
    );
    node.outputs.forEach((output, i) => values.set(output, results[i]));
  }
  return Object.fromEntries(builder.outputs.map(({ name, value }) => [name, values.get(value)!]));
}
