/**
 * A family that exists for the tests only, all of it in this file: rotary positions in every block, with a base of each layer kind's
 * own; fewer heads of keys and values than of queries; layers with a sliding window among full ones; gated MLPs; weights [out, in].
 */
import { z } from 'zod';
import { parseConfig } from '../../../src/engine/families/config.ts';
import type {
  BlockIo,
  Family,
  FamilyDefinition,
  LayerKind,
  ModelConfig,
  Projection,
  ProjectionRole,
  WeightBinding,
  WeightInputs,
} from '../../../src/engine/families/family.ts';
import type { GraphBuilder, Value } from '../../../src/engine/graph/builder.ts';

const configSchema = z.object({
  model_type: z.literal('made_up'),
  vocab_size: z.int().positive(),
  context_length: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_layers: z.int().positive(),
  num_heads: z.int().positive(),
  num_key_value_heads: z.int().positive(),
  head_size: z.int().positive(),
  /** Numbers of a head that are rotated; even. */
  rotary_size: z.int().positive(),
  /** Of the even layers; the odd ones see everything. */
  window: z.int().positive(),
  rms_epsilon: z.number().positive(),
});

export type MadeUpConfig = z.infer<typeof configSchema>;

/** Frequencies fall from 1 to about 1 / base along the rotated numbers of a head. */
export const ROTARY_BASES: Readonly<Record<string, number>> = { local: 10, full: 1000 };

class MadeUpFamily implements Family {
  readonly config: ModelConfig;
  readonly #epsilon: number;

  constructor(config: unknown) {
    const fields = parseConfig(configSchema, config, 'made-up');
    const kinds: LayerKind[] = [
      { name: 'local', window: fields.window },
      { name: 'full', window: null },
    ];
    this.#epsilon = fields.rms_epsilon;
    this.config = {
      modelType: fields.model_type,
      layerCount: fields.num_layers,
      hiddenSize: fields.hidden_size,
      intermediateSize: fields.intermediate_size,
      headCount: fields.num_heads,
      keyValueHeadCount: fields.num_key_value_heads,
      headSize: fields.head_size,
      rotarySize: fields.rotary_size,
      vocabularySize: fields.vocab_size,
      contextLength: fields.context_length,
      layerKinds: Array.from({ length: fields.num_layers }, (_, layer) => kinds[layer % 2]),
    };
  }

  embed(g: GraphBuilder, ids: Value, _positions: Value, weight: WeightInputs): Value {
    return g.gather(weight('embedding'), ids, 0);
  }

  block(g: GraphBuilder, kind: LayerKind, { hidden, positions, weight, ...io }: BlockIo): Value {
    const { headCount, keyValueHeadCount, headSize } = this.config;
    const norm = (x: Value, name: string): Value => g.rmsNorm(x, weight(name), this.#epsilon);
    const heads = (x: Value, name: string, count: number): Value => {
      const projected = g.reshape(g.matmulTransposed(x, weight(name)), ['batch', 'sequence', count, headSize]);
      return g.transpose(projected, [0, 2, 1, 3]);
    };
    const rotated = this.#rotation(g, ROTARY_BASES[kind.name], positions);

    const x = norm(hidden, 'attention_norm');
    const query = rotated(heads(x, 'query', headCount));
    const key = rotated(heads(x, 'key', keyValueHeadCount));
    const value = heads(x, 'value', keyValueHeadCount);
    const merged = io.attend(query, key, value, 1 / Math.sqrt(headSize));
    const middle = g.add(hidden, io.attention(g.matmulTransposed(merged, weight('attention_output'))));

    const y = norm(middle, 'mlp_norm');
    const gate = g.silu(g.matmulTransposed(y, weight('gate')));
    const mlpKey = io.mlpKey(g.mul(gate, g.matmulTransposed(y, weight('up'))));
    return g.add(middle, io.mlp(g.matmulTransposed(mlpKey, weight('down'))));
  }

  head(g: GraphBuilder, hidden: Value, weight: WeightInputs): Value {
    return g.matmulTransposed(g.rmsNorm(hidden, weight('final_norm'), this.#epsilon), weight('unembedding'));
  }

  embeddingWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [{ input: 'embedding', tensor: 'embedding.weight', shape: [vocabularySize, hiddenSize] }];
  }

  blockWeights(layer: number): WeightBinding[] {
    const { hiddenSize: d, intermediateSize: f, headCount, keyValueHeadCount, headSize } = this.config;
    const shapes: Record<string, number[]> = {
      attention_norm: [d],
      query: [headCount * headSize, d],
      key: [keyValueHeadCount * headSize, d],
      value: [keyValueHeadCount * headSize, d],
      attention_output: [d, headCount * headSize],
      mlp_norm: [d],
      gate: [f, d],
      up: [f, d],
      down: [d, f],
    };
    return Object.entries(shapes).map(([input, shape]) => ({
      input,
      tensor: `layers.${layer}.${input}.weight`,
      shape,
    }));
  }

  headWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [
      { input: 'final_norm', tensor: 'final_norm.weight', shape: [hiddenSize] },
      { input: 'unembedding', tensor: 'embedding.weight', shape: [vocabularySize, hiddenSize] },
    ];
  }

  projections(layer: number): Readonly<Record<ProjectionRole, Projection>> {
    return { 'mlp-output': { tensor: `layers.${layer}.down.weight`, fanInFanOut: false } };
  }

  /** Rotates the first numbers of every head, each in the first half with its partner in the second. */
  #rotation(g: GraphBuilder, base: number, positions: Value): (x: Value) => Value {
    const { contextLength, rotarySize, headSize } = this.config;
    const half = rotarySize / 2;
    const atPositions = (f: (angle: number) => number): Value => {
      const table = Float32Array.from({ length: contextLength * half }, (_, i) =>
        f(Math.floor(i / half) * base ** (-(i % half) / half)),
      );
      return g.unsqueeze(g.gather(g.constant(table, [contextLength, half]), positions, 0), [1]);
    };
    const cos = atPositions(Math.cos);
    const sin = atPositions(Math.sin);
    return (x) => {
      const [first, second, rest] = g.split(x, 3, [half, half, headSize - rotarySize]);
      const turnedFirst = g.sub(g.mul(first, cos), g.mul(second, sin));
      const turnedSecond = g.add(g.mul(second, cos), g.mul(first, sin));
      return g.concat([turnedFirst, turnedSecond, rest], 3);
    };
  }
}

export const madeUp: FamilyDefinition = {
  label: 'Made-up',
  modelTypes: ['made_up'],
  create: (config) => new MadeUpFamily(config),
};
