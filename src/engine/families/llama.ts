/** Llama (LlamaForCausalLM): rotary positions, grouped-query attention, RMSNorm, gated MLP. Llama 1 to 3, TinyLlama, SmolLM. */
import { z } from 'zod';
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
import { ropeFields, rotaryOf } from './rope-config.ts';
import { rotateHalves } from './rotary.ts';

const configSchema = z.object({
  model_type: z.literal('llama'),
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  /** As many as queries have when absent. */
  num_key_value_heads: z.int().positive().nullish(),
  /** hidden_size / num_attention_heads when absent. */
  head_dim: z.int().positive().nullish(),
  hidden_act: z.literal('silu').default('silu'),
  rms_norm_eps: z.number().positive().default(1e-6),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(false),
  ...ropeFields,
});

type LlamaConfig = z.infer<typeof configSchema>;

class LlamaFamily implements Family {
  readonly config: ModelConfig;
  readonly #llama: LlamaConfig;
  readonly #unembedding: string;

  constructor(config: unknown, tensors: TensorNames) {
    const llama = parseConfig(configSchema, config, 'Llama');
    const headCount = llama.num_attention_heads;
    const headSize = llama.head_dim ?? partOf(llama.hidden_size, headCount, ['hidden_size', 'num_attention_heads']);
    const keyValueHeadCount = llama.num_key_value_heads ?? headCount;
    partOf(headCount, keyValueHeadCount, ['num_attention_heads', 'num_key_value_heads']);
    partOf(headSize, 2, ['the size of a head,', 'the two numbers of a rotated pair,']);
    const kind: LayerKind = { name: 'full', window: null, rotary: rotaryOf(llama, headSize) };
    this.#llama = llama;
    // A head of its own counts, whatever the config says (transformers loads it so).
    const own = !llama.tie_word_embeddings || tensors.has('lm_head.weight');
    this.#unembedding = own ? 'lm_head.weight' : 'model.embed_tokens.weight';
    this.config = {
      modelType: llama.model_type,
      layerCount: llama.num_hidden_layers,
      hiddenSize: llama.hidden_size,
      intermediateSize: llama.intermediate_size,
      headCount,
      keyValueHeadCount,
      headSize,
      rotarySize: headSize,
      vocabularySize: llama.vocab_size,
      contextLength: llama.max_position_embeddings,
      layerKinds: new Array<LayerKind>(llama.num_hidden_layers).fill(kind),
    };
  }

  embed(g: GraphBuilder, ids: Value, _positions: Value, weight: WeightInputs): Value {
    return g.gather(weight('embed_tokens'), ids, 0);
  }

  block(g: GraphBuilder, _kind: LayerKind, io: BlockIo): Value {
    const { headCount, keyValueHeadCount, headSize, rotarySize } = this.config;
    const { rms_norm_eps: epsilon, attention_bias: attentionBias, mlp_bias: mlpBias } = this.#llama;
    const norm = (x: Value, name: string): Value => g.rmsNorm(x, io.weight(`${name}.weight`), epsilon);
    const linear = (x: Value, name: string, biased: boolean): Value => {
      const product = g.matmulTransposed(x, io.weight(`${name}.weight`));
      return biased ? g.add(product, io.weight(`${name}.bias`)) : product;
    };
    const heads = (x: Value, name: string, count: number): Value => {
      const projected = linear(x, `self_attn.${name}`, attentionBias);
      return g.transpose(g.reshape(projected, ['batch', 'sequence', count, headSize]), [0, 2, 1, 3]);
    };
    const turned = (x: Value): Value => rotateHalves(g, x, io.rotary(), rotarySize);

    const x = norm(io.hidden, 'input_layernorm');
    const query = turned(heads(x, 'q_proj', headCount));
    const key = turned(heads(x, 'k_proj', keyValueHeadCount));
    const value = heads(x, 'v_proj', keyValueHeadCount);
    const merged = io.attend(query, key, value, 1 / Math.sqrt(headSize));
    const middle = g.add(io.hidden, io.attention(linear(merged, 'self_attn.o_proj', attentionBias)));

    const y = norm(middle, 'post_attention_layernorm');
    const gate = g.silu(linear(y, 'mlp.gate_proj', mlpBias));
    const mlpKey = io.mlpKey(g.mul(gate, linear(y, 'mlp.up_proj', mlpBias)));
    return g.add(middle, io.mlp(linear(mlpKey, 'mlp.down_proj', mlpBias)));
  }

  head(g: GraphBuilder, hidden: Value, weight: WeightInputs): Value {
    return g.matmulTransposed(
      g.rmsNorm(hidden, weight('norm.weight'), this.#llama.rms_norm_eps),
      weight('unembedding'),
    );
  }

  embeddingWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [{ input: 'embed_tokens', tensor: 'model.embed_tokens.weight', shape: [vocabularySize, hiddenSize] }];
  }

  blockWeights(layer: number): WeightBinding[] {
    const { hiddenSize: d, intermediateSize: f, headCount, keyValueHeadCount, headSize } = this.config;
    const [q, kv] = [headCount * headSize, keyValueHeadCount * headSize];
    const { attention_bias: attentionBias, mlp_bias: mlpBias } = this.#llama;
    const shapes: Record<string, number[]> = {
      'input_layernorm.weight': [d],
      'self_attn.q_proj.weight': [q, d],
      'self_attn.k_proj.weight': [kv, d],
      'self_attn.v_proj.weight': [kv, d],
      'self_attn.o_proj.weight': [d, q],
      ...(attentionBias && {
        'self_attn.q_proj.bias': [q],
        'self_attn.k_proj.bias': [kv],
        'self_attn.v_proj.bias': [kv],
        'self_attn.o_proj.bias': [d],
      }),
      'post_attention_layernorm.weight': [d],
      'mlp.gate_proj.weight': [f, d],
      'mlp.up_proj.weight': [f, d],
      'mlp.down_proj.weight': [d, f],
      ...(mlpBias && { 'mlp.gate_proj.bias': [f], 'mlp.up_proj.bias': [f], 'mlp.down_proj.bias': [d] }),
    };
    return Object.entries(shapes).map(([input, shape]) => ({
      input,
      tensor: `model.layers.${layer}.${input}`,
      shape,
    }));
  }

  headWeights(): WeightBinding[] {
    const { vocabularySize, hiddenSize } = this.config;
    return [
      { input: 'norm.weight', tensor: 'model.norm.weight', shape: [hiddenSize] },
      { input: 'unembedding', tensor: this.#unembedding, shape: [vocabularySize, hiddenSize] },
    ];
  }

  projections(layer: number): Readonly<Record<ProjectionRole, Projection>> {
    return { 'mlp-output': { tensor: `model.layers.${layer}.mlp.down_proj.weight`, fanInFanOut: false } };
  }
}

export const llama: FamilyDefinition = {
  label: 'Llama',
  modelTypes: ['llama'],
  create: (config, tensors) => new LlamaFamily(config, tensors),
};
