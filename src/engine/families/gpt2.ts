/** GPT-2 (GPT2LMHeadModel): learned positions, pre-LayerNorm blocks, Conv1D weights stored [in, out], tied embeddings. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { parseConfig, partOf } from './config.ts';
import type {
  BlockIo,
  Family,
  FamilyDefinition,
  LayerKind,
  ModelConfig,
  Projection,
  ProjectionRole,
  TensorNames,
  WeightBinding,
  WeightInputs,
} from './family.ts';

const configSchema = z.object({
  model_type: z.literal('gpt2'),
  vocab_size: z.number().int().positive(),
  n_positions: z.number().int().positive(),
  n_embd: z.number().int().positive(),
  n_layer: z.number().int().positive(),
  n_head: z.number().int().positive(),
  n_inner: z.number().int().positive().nullish(),
  activation_function: z.enum(['gelu_new', 'gelu_pytorch_tanh', 'gelu']).default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
});

type Gpt2Config = z.infer<typeof configSchema>;

/** All layers are alike. */
const KIND: LayerKind = { name: 'full', window: null };

class Gpt2Family implements Family {
  readonly config: ModelConfig;
  readonly #gpt2: Gpt2Config;
  readonly #prefix: string;

  constructor(config: unknown, tensors: TensorNames) {
    const gpt2 = parseConfig(configSchema, config, 'GPT-2');
    const headSize = partOf(gpt2.n_embd, gpt2.n_head, ['n_embd', 'n_head']);
    if (gpt2.scale_attn_by_inverse_layer_idx) {
      throw new ModelError('config.json: scale_attn_by_inverse_layer_idx is not supported.');
    }
    this.#gpt2 = gpt2;
    this.#prefix = tensors.has('transformer.wte.weight') ? 'transformer.' : '';
    this.config = {
      modelType: gpt2.model_type,
      layerCount: gpt2.n_layer,
      hiddenSize: gpt2.n_embd,
      intermediateSize: gpt2.n_inner ?? 4 * gpt2.n_embd,
      headCount: gpt2.n_head,
      keyValueHeadCount: gpt2.n_head,
      headSize,
      rotarySize: 0,
      vocabularySize: gpt2.vocab_size,
      contextLength: gpt2.n_positions,
      layerKinds: new Array<LayerKind>(gpt2.n_layer).fill(KIND),
    };
  }

  embed(g: GraphBuilder, ids: Value, positions: Value, weight: WeightInputs): Value {
    return g.add(g.gather(weight('wte'), ids, 0), g.gather(weight('wpe'), positions, 0));
  }

  block(g: GraphBuilder, _kind: LayerKind, io: BlockIo): Value {
    const { hiddenSize, headCount, headSize } = this.config;
    const { layer_norm_epsilon: epsilon, scale_attn_weights: scaled, activation_function: activation } = this.#gpt2;
    const norm = (x: Value, name: string): Value =>
      g.layerNorm(x, io.weight(`${name}.weight`), io.weight(`${name}.bias`), epsilon);
    const linear = (x: Value, name: string): Value =>
      g.add(g.matmul(x, io.weight(`${name}.weight`)), io.weight(`${name}.bias`));
    const heads = (x: Value): Value =>
      g.transpose(g.reshape(x, ['batch', 'sequence', headCount, headSize]), [0, 2, 1, 3]);

    const qkv = linear(norm(io.hidden, 'ln_1'), 'attn.c_attn');
    const [query, key, value] = g.split(qkv, 2, [hiddenSize, hiddenSize, hiddenSize]).map(heads);
    const merged = io.attend(query, key, value, scaled ? 1 / Math.sqrt(headSize) : 1);
    const middle = g.add(io.hidden, io.attention(linear(merged, 'attn.c_proj')));

    const inner = linear(norm(middle, 'ln_2'), 'mlp.c_fc');
    const mlpKey = io.mlpKey(g.gelu(inner, activation === 'gelu' ? 'none' : 'tanh'));
    return g.add(middle, io.mlp(linear(mlpKey, 'mlp.c_proj')));
  }

  head(g: GraphBuilder, hidden: Value, weight: WeightInputs): Value {
    const normalized = g.layerNorm(hidden, weight('ln_f.weight'), weight('ln_f.bias'), this.#gpt2.layer_norm_epsilon);
    return g.matmulTransposed(normalized, weight('unembedding'));
  }

  embeddingWeights(): WeightBinding[] {
    const { vocabularySize, contextLength, hiddenSize } = this.config;
    return [
      { input: 'wte', tensor: `${this.#prefix}wte.weight`, shape: [vocabularySize, hiddenSize] },
      { input: 'wpe', tensor: `${this.#prefix}wpe.weight`, shape: [contextLength, hiddenSize] },
    ];
  }

  blockWeights(layer: number): WeightBinding[] {
    const { hiddenSize: d, intermediateSize: f } = this.config;
    const shapes: Record<string, number[]> = {
      'ln_1.weight': [d],
      'ln_1.bias': [d],
      'attn.c_attn.weight': [d, 3 * d],
      'attn.c_attn.bias': [3 * d],
      'attn.c_proj.weight': [d, d],
      'attn.c_proj.bias': [d],
      'ln_2.weight': [d],
      'ln_2.bias': [d],
      'mlp.c_fc.weight': [d, f],
      'mlp.c_fc.bias': [f],
      'mlp.c_proj.weight': [f, d],
      'mlp.c_proj.bias': [d],
    };
    return Object.entries(shapes).map(([input, shape]) => ({
      input,
      tensor: `${this.#prefix}h.${layer}.${input}`,
      shape,
    }));
  }

  headWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [
      { input: 'ln_f.weight', tensor: `${this.#prefix}ln_f.weight`, shape: [hiddenSize] },
      { input: 'ln_f.bias', tensor: `${this.#prefix}ln_f.bias`, shape: [hiddenSize] },
      {
        input: 'unembedding',
        tensor: this.#gpt2.tie_word_embeddings ? `${this.#prefix}wte.weight` : 'lm_head.weight',
        shape: [vocabularySize, hiddenSize],
      },
    ];
  }

  projections(layer: number): Readonly<Record<ProjectionRole, Projection>> {
    return { 'mlp-output': { tensor: `${this.#prefix}h.${layer}.mlp.c_proj.weight`, fanInFanOut: true } };
  }
}

export const gpt2: FamilyDefinition = {
  label: 'GPT-2',
  modelTypes: ['gpt2'],
  create: (config, tensors) => new Gpt2Family(config, tensors),
};
