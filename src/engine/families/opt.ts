/** OPT (OPTForCausalLM): learned positions from the third row of their table on, ReLU. The 350M model, which normalises afterwards, is refused. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { parseConfig, partOf } from './config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { GptFamily, type GptNames } from './gpt-decoder.ts';
import { alike } from './layer-kinds.ts';
import { activationSchema } from './layers.ts';

/** Rows of the position table before position 0's (transformers: OPTLearnedPositionalEmbedding). */
const POSITION_OFFSET = 2;
/** PyTorch's default, which the config cannot change. */
const EPSILON = 1e-5;

const configSchema = z.object({
  model_type: z.literal('opt'),
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  hidden_size: z.int().positive(),
  ffn_dim: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  /** Width of the token table. */
  word_embed_proj_dim: z.int().positive().nullish(),
  activation_function: activationSchema.default('relu'),
  do_layer_norm_before: z.boolean().default(true),
  enable_bias: z.boolean().default(true),
  layer_norm_elementwise_affine: z.literal(true).nullish(),
  _remove_final_layer_norm: z.literal(false).nullish(),
  tie_word_embeddings: z.boolean().default(true),
});

const NAMES: GptNames = {
  prefix: 'model.',
  tokenTable: 'decoder.embed_tokens',
  positionTable: 'decoder.embed_positions',
  layers: 'decoder.layers',
  finalNorm: 'decoder.final_layer_norm',
  heads: ['lm_head'],
  attentionNorm: 'self_attn_layer_norm',
  mlpNorm: 'final_layer_norm',
  queryKeyValue: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
  attentionOutput: 'self_attn.out_proj',
  mlpInput: 'fc1',
  mlpOutput: 'fc2',
};

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'OPT');
  const { hidden_size: hiddenSize, num_attention_heads: headCount, num_hidden_layers: layerCount } = fields;
  const headSize = partOf(hiddenSize, headCount, ['hidden_size', 'num_attention_heads']);
  if (!fields.do_layer_norm_before) {
    throw new ModelError('config.json: do_layer_norm_before false (OPT-350M) is not supported.', {
      next: 'Open another size of OPT.',
    });
  }
  if ((fields.word_embed_proj_dim ?? hiddenSize) !== hiddenSize) {
    throw new ModelError('config.json: word_embed_proj_dim other than hidden_size is not supported.');
  }
  return new GptFamily(
    {
      config: {
        modelType: fields.model_type,
        layerCount,
        hiddenSize,
        intermediateSize: fields.ffn_dim,
        headCount,
        keyValueHeadCount: headCount,
        headSize,
        rotarySize: 0,
        vocabularySize: fields.vocab_size,
        contextLength: fields.max_position_embeddings,
        layerKinds: alike(layerCount, { name: 'full', window: null }),
      },
      names: NAMES,
      epsilon: EPSILON,
      activation: fields.activation_function,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: fields.enable_bias, attentionOutput: fields.enable_bias, mlp: fields.enable_bias },
      positionOffset: POSITION_OFFSET,
    },
    tensors,
  );
}

export const opt: FamilyDefinition = { label: 'OPT', modelTypes: ['opt'], create };
