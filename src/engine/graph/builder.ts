/**
 * Builds computation graphs in TypeScript: typed, shape-checked values and the operations between them. Every operation
 * carries its vector-Jacobian product, from which {@link differentiate} emits backward passes. Graphs run on
 * onnxruntime, so only operations that its WebGPU provider has are emitted (design, decision 2).
 */
import { GraphError } from '../errors.ts';
import {
  broadcastAxes,
  broadcastShapes,
  normalizeAxis,
  reshapeTarget,
  showShape,
  type Dim,
  type Shape,
} from './shapes.ts';

export type { Dim, Shape } from './shapes.ts';

export type ElementType = 'float32' | 'int32' | 'int64' | 'bool';

/** A tensor of the graph: an input, a constant or a node's output. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

export type Attribute = number | readonly number[] | string;

/** Gradients with respect to a node's inputs, given those of its outputs; null where there is none. */
export type Vjp = (outputGradients: readonly (Value | null)[]) => readonly (Value | null)[];

export interface GraphNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Null for an operation that gradients do not pass. */
  readonly vjp: Vjp | null;
}

export interface GraphConstant {
  readonly value: Value;
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

export class GraphBuilder {
  readonly name: string;
  readonly nodes: GraphNode[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: { name: string; value: Value }[] = [];
  readonly constants: GraphConstant[] = [];
  readonly #scalars = new Map<number, Value>();

  constructor(name: string) {
    this.name = name;
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value = { name, type, shape };
    this.inputs.push(value);
    return value;
  }

  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  constant(data: Float32Array | Int32Array | BigInt64Array, shape: readonly number[], hint = 'constant'): Value {
    const type = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (size !== data.length) {
      throw new GraphError(`Constant ${hint}: ${data.length} values do not fill the shape ${showShape(shape)}.`);
    }
    const value: Value = { name: `${hint}_${this.constants.length}`, type, shape };
    this.constants.push({ value, data });
    return value;
  }

  /** A float32 constant of rank 0. */
  scalar(x: number): Value {
    let value = this.#scalars.get(x);
    if (!value) {
      value = this.constant(Float32Array.of(x), [], 'scalar');
      this.#scalars.set(x, value);
    }
    return value;
  }

  add(a: Value, b: Value): Value {
    return this.#binary('Add', a, b, (g) => [g, g]);
  }

  sub(a: Value, b: Value): Value {
    return this.#binary('Sub', a, b, (g) => [g, this.neg(g)]);
  }

  mul(a: Value, b: Value): Value {
    return this.#binary('Mul', a, b, (g) => [this.mul(g, b), this.mul(g, a)]);
  }

  div(a: Value, b: Value): Value {
    return this.#binary('Div', a, b, (g, out) => [this.div(g, b), this.neg(this.div(this.mul(g, out), b))]);
  }

  /** The larger of two values, element by element; gradients do not pass it (use it on stopped gradients). */
  maximum(a: Value, b: Value): Value {
    const shape = this.#broadcast('Max', a, b);
    return this.#node('Max', [a, b], shape, null);
  }

  neg(x: Value): Value {
    return this.#node('Neg', [x], x.shape, ([g]) => [g && this.neg(g)]);
  }

  exp(x: Value): Value {
    return this.#unary('Exp', x, (g, out) => this.mul(g, out));
  }

  sqrt(x: Value): Value {
    return this.#unary('Sqrt', x, (g, out) => this.div(g, this.mul(out, this.scalar(2))));
  }

  reciprocal(x: Value): Value {
    return this.#unary('Reciprocal', x, (g, out) => this.neg(this.mul(g, this.mul(out, out))));
  }

  tanh(x: Value): Value {
    return this.#unary('Tanh', x, (g, out) => this.mul(g, this.sub(this.scalar(1), this.mul(out, out))));
  }

  sigmoid(x: Value): Value {
    return this.#unary('Sigmoid', x, (g, out) => this.mul(g, this.mul(out, this.sub(this.scalar(1), out))));
  }

  erf(x: Value): Value {
    const slope = 2 / Math.sqrt(Math.PI);
    return this.#unary('Erf', x, (g) => this.mul(g, this.mul(this.scalar(slope), this.exp(this.neg(this.mul(x, x))))));
  }

  silu(x: Value): Value {
    return this.mul(x, this.sigmoid(x));
  }

  /** Gelu, exact (`none`) or by tanh (`tanh`: GPT-2's gelu_new). */
  gelu(x: Value, approximate: 'tanh' | 'none'): Value {
    const slope = approximate === 'tanh' ? this.#geluTanhSlope : this.#geluSlope;
    return this.#node('Gelu', [x], x.shape, ([g]) => [g && this.mul(g, slope(x))], { approximate });
  }

  /** Softmax over the last axis. */
  softmax(x: Value): Value {
    const last = x.shape.length - 1;
    return this.#unary(
      'Softmax',
      x,
      (g, out) => {
        const weighted = this.mul(g, out);
        return this.sub(weighted, this.mul(out, this.reduceSum(weighted, [last], true)));
      },
      { axis: -1 },
    );
  }

  /** LayerNorm over the last axis: x [..., n], scale and bias [n]. */
  layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
    this.#expectVector('LayerNormalization', x, scale);
    this.#expectVector('LayerNormalization', x, bias);
    const last = x.shape.length - 1;
    const vjp: Vjp = ([g]) => {
      if (!g) return [null, null, null];
      const centered = this.sub(x, this.reduceMean(x, [last], true));
      const variance = this.reduceMean(this.mul(centered, centered), [last], true);
      const inverse = this.reciprocal(this.sqrt(this.add(variance, this.scalar(epsilon))));
      const normalized = this.mul(centered, inverse);
      const scaled = this.mul(g, scale);
      const meanGradient = this.reduceMean(scaled, [last], true);
      const projection = this.reduceMean(this.mul(scaled, normalized), [last], true);
      const inner = this.sub(this.sub(scaled, meanGradient), this.mul(normalized, projection));
      return [
        this.mul(inverse, inner),
        this.#unbroadcast(this.mul(g, normalized), scale.shape),
        this.#unbroadcast(g, bias.shape),
      ];
    };
    return this.#node('LayerNormalization', [x, scale, bias], x.shape, vjp, { axis: -1, epsilon });
  }

  /** a [..., m, k] · b [..., k, n], leading dimensions broadcast. */
  matmul(a: Value, b: Value): Value {
    const fail = (): never => {
      throw new GraphError(
        `${this.#nextName('MatMul')}: ${showShape(a.shape)} and ${showShape(b.shape)} cannot be multiplied.`,
      );
    };
    if (a.shape.length < 2 || b.shape.length < 2 || a.shape.at(-1) !== b.shape.at(-2)) fail();
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? fail();
    const shape = [...batch, a.shape.at(-2)!, b.shape.at(-1)!];
    return this.#node('MatMul', [a, b], shape, ([g]) => {
      if (!g) return [null, null];
      return [
        this.#unbroadcast(this.matmul(g, this.#swapLast(b)), a.shape),
        this.#unbroadcast(this.matmul(this.#swapLast(a), g), b.shape),
      ];
    });
  }

  /** a [m, k] · bᵀ for b [n, k]. */
  matmulTransposed(a: Value, b: Value): Value {
    if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[1] !== b.shape[1]) {
      throw new GraphError(
        `${this.#nextName('Gemm')}: ${showShape(a.shape)} and the transpose of ${showShape(b.shape)} cannot be multiplied.`,
      );
    }
    const vjp: Vjp = ([g]) => (g ? [this.matmul(g, b), this.matmul(this.#swapLast(g), a)] : [null, null]);
    return this.#node('Gemm', [a, b], [a.shape[0], b.shape[0]], vjp, { transB: 1 });
  }

  /** Run-time dimensions of `shape` must be at the same place in x, or be the only one that is not. */
  reshape(x: Value, shape: Shape): Value {
    const target = reshapeTarget(x.shape, shape);
    if (!target)
      throw new GraphError(
        `${this.#nextName('Reshape')}: ${showShape(x.shape)} cannot be reshaped to ${showShape(shape)}.`,
      );
    const sizes = [x.shape, shape].map(
      (dims) => dims.every((dim) => typeof dim === 'number') && dims.reduce((p: number, d) => p * d, 1),
    );
    if (sizes[0] !== false && sizes[1] !== false && sizes[0] !== sizes[1]) {
      throw new GraphError(
        `${this.#nextName('Reshape')}: ${showShape(x.shape)} cannot be reshaped to ${showShape(shape)}.`,
      );
    }
    const dims = this.constant(BigInt64Array.from(target, BigInt), [target.length], 'shape');
    return this.#node('Reshape', [x, dims], shape, ([g]) => [g && this.reshape(g, x.shape), null]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    if ([...perm].sort((a, b) => a - b).join() !== x.shape.map((_, i) => i).join()) {
      throw new GraphError(
        `${this.#nextName('Transpose')}: [${perm.join(', ')}] is no order of the axes of ${showShape(x.shape)}.`,
      );
    }
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return this.#node(
      'Transpose',
      [x],
      perm.map((axis) => x.shape[axis]),
      ([g]) => [g && this.transpose(g, inverse)],
      { perm },
    );
  }

  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    const at = this.#axis('Split', x, axis);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (x.shape[at] !== total) {
      throw new GraphError(
        `${this.#nextName('Split')}: axis ${axis} of ${showShape(x.shape)} is not ${sizes.join(' + ')} long.`,
      );
    }
    const shapes = sizes.map((size) => x.shape.map((dim, i) => (i === at ? size : dim)));
    const sizesValue = this.constant(BigInt64Array.from(sizes, BigInt), [sizes.length], 'sizes');
    const vjp: Vjp = (gradients) => {
      const parts = gradients.map((g, i) => g ?? this.mul(outputs[i], this.scalar(0)));
      return [this.concat(parts, at), null];
    };
    const outputs = this.#nodes('Split', [x, sizesValue], shapes, vjp, { axis: at });
    return outputs;
  }

  concat(values: readonly Value[], axis: number): Value {
    const at = this.#axis('Concat', values[0], axis);
    const others = (shape: Shape): string => shape.filter((_, i) => i !== at).join();
    const mismatch = values.find(({ shape }) => others(shape) !== others(values[0].shape));
    if (mismatch) {
      throw new GraphError(
        `${this.#nextName('Concat')}: ${showShape(values[0].shape)} and ${showShape(mismatch.shape)} do not fit along axis ${axis}.`,
      );
    }
    const sizes = values.map(({ shape }) => shape[at]);
    const numbers = sizes.filter((size) => typeof size === 'number');
    const total = numbers.length === sizes.length ? numbers.reduce((sum, size) => sum + size, 0) : sizes.join('+');
    const shape = values[0].shape.map((dim, i) => (i === at ? total : dim));
    const vjp: Vjp = ([g]) => {
      if (!g) return values.map(() => null);
      if (numbers.length !== sizes.length) {
        throw new GraphError(`Concat along a run-time dimension (${sizes.join(', ')}) has no gradient.`);
      }
      return this.split(g, at, numbers);
    };
    return this.#node('Concat', values, shape, vjp, { axis: at });
  }

  /** Rows of `x` along `axis` at integer `indices`. Gradients do not pass to x. */
  gather(x: Value, indices: Value, axis: number): Value {
    const at = this.#axis('Gather', x, axis);
    if (indices.type !== 'int32' && indices.type !== 'int64') {
      throw new GraphError(`${this.#nextName('Gather')}: indices must be integers, not ${indices.type}.`);
    }
    return this.#node(
      'Gather',
      [x, indices],
      [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)],
      null,
      { axis: at },
    );
  }

  reduceSum(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return this.#reduce('ReduceSum', x, axes, keepDims, (g) => this.#spread(g, x));
  }

  reduceMean(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return this.#reduce('ReduceMean', x, axes, keepDims, (g) => {
      const count = axes.reduce((product, axis) => product * Number(x.shape[axis]), 1);
      if (!Number.isFinite(count))
        throw new GraphError(`ReduceMean over a run-time dimension of ${showShape(x.shape)} has no gradient.`);
      return this.#spread(this.mul(g, this.scalar(1 / count)), x);
    });
  }

  /** Gradients do not pass it (it is used under {@link stopGradient}). */
  reduceMax(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return this.#reduce('ReduceMax', x, axes, keepDims, null);
  }

  /** The value itself, as a constant to differentiation. */
  stopGradient(x: Value): Value {
    return this.#node('Identity', [x], x.shape, () => [null]);
  }

  /** Sums a gradient over the axes along which its operand was repeated. */
  #unbroadcast(gradient: Value, shape: Shape): Value {
    const axes = broadcastAxes(shape, gradient.shape);
    if (axes.length === 0) return gradient;
    const summed = this.reduceSum(gradient, axes, true);
    return summed.shape.length === shape.length ? summed : this.reshape(summed, shape);
  }

  /** A reduced gradient repeated over the reduced axes of `like`. */
  #spread(gradient: Value, like: Value): Value {
    return this.add(gradient, this.mul(like, this.scalar(0)));
  }

  readonly #geluSlope = (x: Value): Value => {
    const cdf = this.mul(this.scalar(0.5), this.add(this.scalar(1), this.erf(this.mul(x, this.scalar(Math.SQRT1_2)))));
    const density = this.mul(
      this.scalar(1 / Math.sqrt(2 * Math.PI)),
      this.exp(this.mul(this.scalar(-0.5), this.mul(x, x))),
    );
    return this.add(cdf, this.mul(x, density));
  };

  /** Derivative of 0.5·x·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³). */
  readonly #geluTanhSlope = (x: Value): Value => {
    const c = Math.sqrt(2 / Math.PI);
    const square = this.mul(x, x);
    const t = this.tanh(
      this.mul(this.mul(x, this.scalar(c)), this.add(this.scalar(1), this.mul(this.scalar(0.044715), square))),
    );
    const du = this.mul(this.scalar(c), this.add(this.scalar(1), this.mul(this.scalar(3 * 0.044715), square)));
    const left = this.mul(this.scalar(0.5), this.add(this.scalar(1), t));
    const right = this.mul(this.mul(this.mul(this.scalar(0.5), x), this.sub(this.scalar(1), this.mul(t, t))), du);
    return this.add(left, right);
  };

  #swapLast(x: Value): Value {
    const rank = x.shape.length;
    return this.transpose(x, [...x.shape.keys()].slice(0, rank - 2).concat([rank - 1, rank - 2]));
  }

  #binary(op: string, a: Value, b: Value, rule: (g: Value, out: Value) => [Value, Value]): Value {
    const shape = this.#broadcast(op, a, b);
    const out: Value = this.#node(op, [a, b], shape, ([g]) => {
      if (!g) return [null, null];
      const [left, right] = rule(g, out);
      return [this.#unbroadcast(left, a.shape), this.#unbroadcast(right, b.shape)];
    });
    return out;
  }

  #unary(
    op: string,
    x: Value,
    rule: (g: Value, out: Value) => Value,
    attributes: Record<string, Attribute> = {},
  ): Value {
    const out: Value = this.#node(op, [x], x.shape, ([g]) => [g && rule(g, out)], attributes);
    return out;
  }

  #reduce(op: string, x: Value, axes: readonly number[], keepDims: boolean, rule: ((g: Value) => Value) | null): Value {
    const at = axes.map((axis) => this.#axis(op, x, axis));
    const kept = x.shape.map((dim, i) => (at.includes(i) ? 1 : dim));
    const shape = keepDims ? kept : x.shape.filter((_, i) => !at.includes(i));
    const axesValue = this.constant(BigInt64Array.from(at, BigInt), [at.length], 'axes');
    const vjp: Vjp | null = rule && (([g]) => [g && rule(keepDims ? g : this.reshape(g, kept)), null]);
    return this.#node(op, [x, axesValue], shape, vjp, { keepdims: keepDims ? 1 : 0 });
  }

  #axis(op: string, x: Value, axis: number): number {
    const at = normalizeAxis(axis, x.shape.length);
    if (at === null) throw new GraphError(`${this.#nextName(op)}: ${showShape(x.shape)} has no axis ${axis}.`);
    return at;
  }

  #broadcast(op: string, a: Value, b: Value): Dim[] {
    if (a.type !== b.type) throw new GraphError(`${this.#nextName(op)}: ${a.type} and ${b.type} do not mix.`);
    const shape = broadcastShapes(a.shape, b.shape);
    if (!shape)
      throw new GraphError(`${this.#nextName(op)}: ${showShape(a.shape)} and ${showShape(b.shape)} do not broadcast.`);
    return shape;
  }

  #expectVector(op: string, x: Value, vector: Value): void {
    if (vector.shape.length !== 1 || vector.shape[0] !== x.shape.at(-1)) {
      throw new GraphError(
        `${this.#nextName(op)}: ${showShape(vector.shape)} does not fit the last axis of ${showShape(x.shape)}.`,
      );
    }
  }

  #nextName(op: string): string {
    return `${op}_${this.nodes.length}`;
  }

  #node(
    op: string,
    inputs: readonly Value[],
    shape: Shape,
    vjp: Vjp | null,
    attributes: Record<string, Attribute> = {},
  ): Value {
    return this.#nodes(op, inputs, [shape], vjp, attributes)[0];
  }

  #nodes(
    op: string,
    inputs: readonly Value[],
    shapes: readonly Shape[],
    vjp: Vjp | null,
    attributes: Record<string, Attribute>,
  ): Value[] {
    const name = this.#nextName(op);
    const type = inputs[0].type;
    const outputs = shapes.map((shape, i): Value => ({ name: shapes.length > 1 ? `${name}_${i}` : name, type, shape }));
    this.nodes.push({ op, name, inputs, outputs, attributes, vjp });
    return outputs;
  }
}
