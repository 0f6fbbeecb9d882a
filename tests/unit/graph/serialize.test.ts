import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/engine/graph/builder.ts';
import { differentiate } from '../../../src/engine/graph/differentiate.ts';
import { ModelProtoSchema, type GraphProto } from '../../../src/engine/graph/onnx/onnx_pb.ts';
import { serializeModel } from '../../../src/engine/graph/serialize.ts';

function graphOf(builder: GraphBuilder): GraphProto {
  const { graph } = fromBinary(ModelProtoSchema, serializeModel(builder));
  if (!graph) throw new Error('The model holds no graph.');
  return graph;
}

const ops = ({ node }: GraphProto): string[] => node.map(({ opType }) => opType);

describe('serializeModel', () => {
  it('writes the versions, the inputs with their run-time dimensions, and the constants', () => {
    const g = new GraphBuilder('named');
    const x = g.input('x', 'float32', ['batch', 3]);
    g.output('y', g.add(x, g.constant(Float32Array.of(0.5, -2, 3), [3], 'offset')));
    const model = fromBinary(ModelProtoSchema, serializeModel(g));
    expect([model.irVersion, model.opsetImport.map(({ version }) => version)]).toEqual([9n, [20n]]);
    const graph = graphOf(g);
    expect(graph.name).toBe('named');
    const type = graph.input[0].type?.value;
    expect(type?.case).toBe('tensorType');
    if (type?.case !== 'tensorType') return;
    expect(type.value.shape?.dim.map(({ value }) => value.value)).toEqual(['batch', 3n]);
    const [offset] = graph.initializer;
    expect(offset.dims).toEqual([3n]);
    const bytes = offset.rawData;
    expect([...new Float32Array(bytes.slice().buffer)]).toEqual([0.5, -2, 3]);
    expect(graph.output.map(({ name }) => name)).toEqual(['y']);
  });

  it('leaves out what no output depends on', () => {
    const g = new GraphBuilder('lean');
    const [x, w, seed] = ['x', 'w', 'seed'].map((name) => g.input(name, 'float32', [2, 2]));
    g.exp(w);
    const out = g.matmul(x, w);
    g.output('dx', differentiate(g, [{ value: out, gradient: seed }], [x])[0]);
    expect(ops(graphOf(g))).toEqual(['Gemm', 'Identity']);
  });

  it("asks for LayerNorm's statistics only where its gradient reads them", () => {
    const g = new GraphBuilder('statistics');
    const x = g.input('x', 'float32', ['batch', 3]);
    const [scale, bias] = ['scale', 'bias'].map((name) => g.input(name, 'float32', [3]));
    const out = g.layerNorm(x, scale, bias, 1e-5);
    g.output('y', out);
    expect(graphOf(g).node[0].output).toEqual(['LayerNormalization_0']);
    const seed = g.input('seed', 'float32', ['batch', 3]);
    g.output('dx', differentiate(g, [{ value: out, gradient: seed }], [x])[0]);
    expect(graphOf(g).node[0].output).toHaveLength(3);
  });

  it('writes fractions as floats even where they are whole', () => {
    const g = new GraphBuilder('attributes');
    const x = g.input('x', 'float32', [2, 3]);
    g.output('y', g.rmsNorm(x, g.constant(Float32Array.of(1, 2, 3), [3]), 1));
    const attributes = Object.fromEntries(graphOf(g).node[0].attribute.map(({ name, f, i }) => [name, { f, i }]));
    expect(attributes.epsilon.f).toBe(1);
    expect(attributes.axis.i).toBe(1n);
  });
});
