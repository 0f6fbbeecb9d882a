/**
 * Builds computation graphs in TypeScript: typed, shape-checked values and the operations between them. What an operation
 * checks, what it writes and how it is differentiated stand together in `ops/`, one file a kind. Graphs run on onnxruntime,
 * so only operations that its WebGPU provider has are emitted.
 *
 * Every method throws GraphError, naming the node and its operands, when types or shapes do not fit.
 */
import { GraphError } from '../errors.ts';
import type {
  Attribute,
  ConstantData,
  ElementType,
  GraphConstant,
  GraphNode,
  GradientRule,
  Value,
  Vjp,
} from './node.ts';
import * as broadcast from './ops/broadcast.ts';
import * as cast from './ops/cast.ts';
import * as elementwise from './ops/elementwise.ts';
import * as layout from './ops/layout.ts';
import * as products from './ops/matmul.ts';
import * as normalization from './ops/normalization.ts';
import * as reduction from './ops/reduction.ts';
import { showShape, type Shape } from './shapes.ts';

export type { ElementType, GraphConstant, GraphNode, Value } from './node.ts';
export type { Dim, Shape } from './shapes.ts';

/** A node to be written. */
interface NodeSpec {
  op: string;
  inputs: readonly Value[];
  attributes?: Readonly<Record<string, Attribute>>;
}

export class GraphBuilder {
  readonly name: string;
  readonly nodes: GraphNode[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: { readonly name: string; readonly value: Value }[] = [];
  readonly constants: GraphConstant[] = [];
  readonly #values = new Set<Value>();
  readonly #names = new Set<string>();
  readonly #scalars = new Map<number, Value>();

  constructor(name: string) {
    this.name = name;
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    if (shape.some((dim) => (typeof dim === 'number' ? !Number.isInteger(dim) || dim < 0 : dim === ''))) {
      throw new GraphError(`Input ${name}: ${showShape(shape)} is no shape.`);
    }
    const value = this.#value(name, type, shape);
    this.inputs.push(value);
    return value;
  }

  /** Makes a value an output of the graph, under a name that no input or other output has. */
  output(name: string, value: Value): void {
    if (!this.#values.has(value)) throw new GraphError(`Output ${name}: ${value.name} is not of graph ${this.name}.`);
    this.#claim(name);
    this.outputs.push({ name, value });
  }

  /** Values that are part of the graph; `hint` begins their name. */
  constant(data: ConstantData, shape: readonly number[], hint = 'constant'): Value {
    const type = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64';
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (size !== data.length) {
      throw new GraphError(`Constant ${hint}: ${data.length} values do not fill the shape ${showShape(shape)}.`);
    }
    const value = this.#value(`${hint}_${this.constants.length}`, type, shape);
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
    return elementwise.add(this, a, b);
  }

  sub(a: Value, b: Value): Value {
    return elementwise.sub(this, a, b);
  }

  mul(a: Value, b: Value): Value {
    return elementwise.mul(this, a, b);
  }

  div(a: Value, b: Value): Value {
    return elementwise.div(this, a, b);
  }

  /** The larger of two values, element by element. It has no gradient here: use it under {@link stopGradient}. */
  maximum(a: Value, b: Value): Value {
    return elementwise.maximum(this, a, b);
  }

  neg(x: Value): Value {
    return elementwise.neg(this, x);
  }

  exp(x: Value): Value {
    return elementwise.exp(this, x);
  }

  sqrt(x: Value): Value {
    return elementwise.sqrt(this, x);
  }

  reciprocal(x: Value): Value {
    return elementwise.reciprocal(this, x);
  }

  /** x to the power of a fixed exponent. */
  pow(x: Value, exponent: number): Value {
    return elementwise.pow(this, x, exponent);
  }

  tanh(x: Value): Value {
    return elementwise.tanh(this, x);
  }

  sigmoid(x: Value): Value {
    return elementwise.sigmoid(this, x);
  }

  erf(x: Value): Value {
    return elementwise.erf(this, x);
  }

  /** x · sigmoid(x). */
  silu(x: Value): Value {
    return elementwise.silu(this, x);
  }

  /** Gelu, exact (`none`) or by tanh (`tanh`: GPT-2's gelu_new). */
  gelu(x: Value, approximate: 'tanh' | 'none'): Value {
    return elementwise.gelu(this, x, approximate);
  }

  /** max(x, 0); at 0 its gradient is 0. */
  relu(x: Value): Value {
    return elementwise.relu(this, x);
  }

  /** The value itself, as a constant to differentiation. */
  stopGradient(x: Value): Value {
    return elementwise.stopGradient(this, x);
  }

  /** Softmax over the last axis. */
  softmax(x: Value): Value {
    return normalization.softmax(this, x);
  }

  /** LayerNorm over the last axis: x [..., n], scale and bias [n]. Its gradient cannot be differentiated again. */
  layerNorm(x: Value, scale: Value, bias: Value, epsilon: number): Value {
    return normalization.layerNorm(this, x, scale, bias, epsilon);
  }

  /** RMSNorm over the last axis, x / √(mean x² + epsilon) · scale: x [..., n], scale [n]. */
  rmsNorm(x: Value, scale: Value, epsilon: number): Value {
    return normalization.rmsNorm(this, x, scale, epsilon);
  }

  /** a [..., m, k] · b [..., k, n], leading dimensions broadcast. */
  matmul(a: Value, b: Value): Value {
    return products.matmul(this, a, b);
  }

  /** a [..., k] · bᵀ for b [n, k]; a has two axes or more. */
  matmulTransposed(a: Value, b: Value): Value {
    return products.matmulTransposed(this, a, b);
  }

  /** Run-time dimensions of `shape` stand at the same place in x; one may stand elsewhere, or be new. */
  reshape(x: Value, shape: Shape): Value {
    return layout.reshape(this, x, shape);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return layout.transpose(this, x, perm);
  }

  /** A float16 value as float32. */
  widen(x: Value): Value {
    return cast.widen(this, x);
  }

  /** Consecutive parts of x along an axis. */
  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    return layout.split(this, x, axis, sizes);
  }

  /** Values end to end. Lengths known at run time add up to a name ('past+sequence'), and then there is no gradient. */
  concat(values: readonly Value[], axis: number): Value {
    return layout.concat(this, values, axis);
  }

  /** Elements start..end−1 of an axis of fixed length. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    return layout.slice(this, x, axis, start, end);
  }

  /** x with axes of length 1 put in; `axes` are places in the result. */
  unsqueeze(x: Value, axes: readonly number[]): Value {
    return layout.unsqueeze(this, x, axes);
  }

  /** x repeated to `shape`; run-time dimensions must be x's own. */
  expand(x: Value, shape: Shape): Value {
    return broadcast.expand(this, x, shape);
  }

  /** Rows of x along `axis` at integer `indices`. It has no gradient with respect to x. */
  gather(x: Value, indices: Value, axis: number): Value {
    return layout.gather(this, x, indices, axis);
  }

  reduceSum(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return reduction.reduceSum(this, x, axes, keepDims);
  }

  /** Mean over axes; over a run-time dimension it has no gradient. */
  reduceMean(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return reduction.reduceMean(this, x, axes, keepDims);
  }

  /** Largest over axes. It has no gradient here: use it under {@link stopGradient}. */
  reduceMax(x: Value, axes: readonly number[], keepDims: boolean): Value {
    return reduction.reduceMax(this, x, axes, keepDims);
  }

  /** Writes a node with one output, of `type` or the first input's. For the ops, which have checked the operands. */
  emit(
    spec: NodeSpec & {
      type?: ElementType;
      shape: Shape;
      vjp: ((gradient: Value, output: Value) => readonly (GradientRule | null)[]) | 'constant' | null;
    },
  ): Value {
    const { shape, vjp, ...rest } = spec;
    const outputs = this.emitAll({
      ...rest,
      shapes: [shape],
      vjp: typeof vjp === 'function' ? ([gradient]) => vjp(gradient!, outputs[0]) : vjp,
    });
    return outputs[0];
  }

  /** Writes a node with several outputs, of `type` or the first input's. For the ops, which have checked the operands. */
  emitAll(
    spec: NodeSpec & {
      type?: ElementType;
      shapes: readonly Shape[];
      optionalOutputs?: number;
      vjp: Vjp | 'constant' | null;
    },
  ): Value[] {
    const { op, inputs, attributes = {}, shapes, optionalOutputs = 0, vjp } = spec;
    const type = spec.type ?? inputs[0].type;
    const foreign = inputs.find((input) => !this.#values.has(input));
    if (foreign) this.fail(op, `${foreign.name} is not of graph ${this.name}`);
    const name = this.#nextName(op);
    const outputs = shapes.map((shape, i) => this.#value(i === 0 ? name : `${name}_${i}`, type, shape));
    this.nodes.push({ op, name, inputs, outputs, optionalOutputs, attributes, vjp });
    return outputs;
  }

  /** Refuses the node that `op` was about to write. */
  fail(op: string, reason: string): never {
    throw new GraphError(`${this.#nextName(op)}: ${reason}.`);
  }

  #nextName(op: string): string {
    return `${op}_${this.nodes.length}`;
  }

  #value(name: string, type: ElementType, shape: Shape): Value {
    this.#claim(name);
    const value: Value = { name, type, shape: [...shape] };
    this.#values.add(value);
    return value;
  }

  #claim(name: string): void {
    if (this.#names.has(name)) throw new GraphError(`Graph ${this.name} already has a value named ${name}.`);
    this.#names.add(name);
  }
}
