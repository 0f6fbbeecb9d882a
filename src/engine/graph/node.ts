/** What a graph is made of: values, the nodes that compute them, and each node's rule of differentiation. */
import type { Shape } from './shapes.ts';

export type ElementType = 'float32' | 'float16' | 'int32' | 'int64' | 'bool';

/** A tensor of the graph: an input, a constant or a node's output. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** An ONNX attribute: a number alone is an integer. */
export type Attribute = number | readonly number[] | string | { readonly float: number };

/**
 * The gradient of one input, emitted when asked for. Its shape is the input's or one that broadcasts to it, so that a
 * reduction's gradient is not written out where the next op would repeat it anyway.
 */
export type GradientRule = () => Value;

/**
 * The vector-Jacobian product: from the gradients of a node's outputs (null where none arrives) the rules for its inputs,
 * null for an input that has no gradient.
 */
export type Vjp = (outputGradients: readonly (Value | null)[]) => readonly (GradientRule | null)[];

export interface GraphNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** How many of the last outputs ONNX lets a node leave out. */
  readonly optionalOutputs: number;
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** 'constant' where a gradient ends as zero; null where the op has a gradient that is not known here. */
  readonly vjp: Vjp | 'constant' | null;
}

export type ConstantData = Float32Array | Int32Array | BigInt64Array;

export interface GraphConstant {
  readonly value: Value;
  readonly data: ConstantData;
}
