/** Other types: weights of 16 bits as graphs compute with them, in float32, and integers. */
import type { GraphBuilder } from '../builder.ts';
import type { ElementType, Value } from '../node.ts';
import { TensorProto_DataType } from '../onnx/onnx_pb.ts';
import { show } from './checks.ts';

/** A float16 value as float32, exactly. It has no gradient: weights that are given are not differentiated by. */
export function widen(g: GraphBuilder, x: Value): Value {
  if (x.type !== 'float16') g.fail('Cast', `${show(x)} is ${x.type}, not float16`);
  return toFloat(g, x);
}

/** Without a gradient. */
export function toFloat(g: GraphBuilder, x: Value): Value {
  return cast(g, x, 'float32', TensorProto_DataType.FLOAT);
}

/** Without a gradient; fractions are cut off. */
export function toInteger(g: GraphBuilder, x: Value): Value {
  return cast(g, x, 'int32', TensorProto_DataType.INT32);
}

function cast(g: GraphBuilder, x: Value, type: ElementType, to: TensorProto_DataType): Value {
  return g.emit({ op: 'Cast', inputs: [x], type, shape: x.shape, attributes: { to }, vjp: null });
}

/** The float16 value that `x` was widened from, or null. */
export function narrowSource(g: GraphBuilder, x: Value): Value | null {
  const cast = g.nodes.find(({ op, outputs }) => op === 'Cast' && outputs[0] === x);
  return cast?.inputs[0] ?? null;
}
