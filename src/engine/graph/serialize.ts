/** Writes a graph as an ONNX model. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { GraphBuilder } from './builder.ts';
import type { Attribute, ElementType, GraphConstant, GraphNode, Value } from './node.ts';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './onnx/onnx_pb.ts';

const IR_VERSION = 9n;
/** Gelu is an op of its own from opset 20 on. */
const OPSET = 20n;

const DATA_TYPES: Record<ElementType, TensorProto_DataType> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

/** The graph as the bytes of an ONNX ModelProto. */
export function serializeModel(builder: GraphBuilder): Uint8Array {
  // An output's name is its own; the node's value reaches it through an Identity, which onnxruntime removes.
  const outputs = builder.outputs.map(({ name, value }) =>
    create(NodeProtoSchema, { opType: 'Identity', name: `output_${name}`, input: [value.name], output: [name] }),
  );
  const { nodes, constants, needed } = reachable(builder);
  const graph = create(GraphProtoSchema, {
    name: builder.name,
    node: [...nodes.map((each) => node(each, needed)), ...outputs],
    input: builder.inputs.map(valueInfo),
    output: builder.outputs.map(({ name, value }) => valueInfo({ ...value, name })),
    initializer: constants.map(tensor),
  });
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'memit-playground',
    opsetImport: [{ domain: '', version: OPSET }],
    graph,
  });
  return toBinary(ModelProtoSchema, model);
}

/** What the outputs depend on: differentiation leaves behind gradients nobody asked for. */
function reachable(builder: GraphBuilder): {
  nodes: GraphNode[];
  constants: GraphConstant[];
  needed: ReadonlySet<Value>;
} {
  const needed = new Set(builder.outputs.map(({ value }) => value));
  const nodes = builder.nodes
    .toReversed()
    .filter(({ inputs, outputs }) => {
      const used = outputs.some((output) => needed.has(output));
      if (used) for (const input of inputs) needed.add(input);
      return used;
    })
    .reverse();
  return { nodes, constants: builder.constants.filter(({ value }) => needed.has(value)), needed };
}

function node(
  { op, name, inputs, outputs, optionalOutputs, attributes }: GraphNode,
  needed: ReadonlySet<Value>,
): NodeProto {
  const lastNeeded = outputs.findLastIndex((output) => needed.has(output));
  const written = outputs.slice(0, Math.max(lastNeeded + 1, outputs.length - optionalOutputs));
  return create(NodeProtoSchema, {
    opType: op,
    name,
    input: inputs.map((input) => input.name),
    output: written.map((output) => output.name),
    attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
  });
}

function attribute(name: string, value: Attribute): AttributeProto {
  const { STRING, INT, INTS, FLOAT } = AttributeProto_AttributeType;
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: STRING, s: new TextEncoder().encode(value) });
  }
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: INT, i: BigInt(value) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: INTS, ints: value.map(BigInt) });
}

function valueInfo({ name, type, shape }: Value): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: DATA_TYPES[type],
          shape: {
            dim: shape.map((dim) =>
              typeof dim === 'number'
                ? { value: { case: 'dimValue' as const, value: BigInt(dim) } }
                : { value: { case: 'dimParam' as const, value: dim } },
            ),
          },
        },
      },
    },
  });
}

function tensor({ value, data }: GraphConstant): TensorProto {
  return create(TensorProtoSchema, {
    name: value.name,
    dataType: DATA_TYPES[value.type],
    dims: value.shape.map((dim) => BigInt(dim)),
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
}
