/** GPT-NeoX (GPTNeoXForCausalLM): part of every head is turned by position; attention and the MLP side by side, or one after the other. Pythia. */
import { z } from 'zod';
import { parseConfig, partOf } from './config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { GptFamily, type GptNames } from './gpt-decoder.ts';
import { alike } from './layer-kinds.ts';
import { activationSchema } from './layers.ts';
import { rotaryOf, scalingFields } from './rope-config.ts';

/** Share of a head that is turned, where the config does not say. */
const ROTARY_SHARE = 0.25;

const configSchema = z.object({
  model_type: z.literal('gpt_neox'),
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  hidden_act: activationSchema.default('gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
  rotary_pct: z.number().positive().max(1).nullish(),
  rotary_emb_base: z.number().positive().nullish(),
  ...scalingFields,
});

const NAMES: GptNames = {
  prefix: 'gpt_neox.',
  tokenTable: 'embed_in',
  layers: 'layers',
  finalNorm: 'final_layer_norm',
  heads: ['embed_out', 'lm_head'],
  attentionNorm: 'input_layernorm',
  mlpNorm: 'post_attention_layernorm',
  queryKeyValue: 'attention.query_key_value',
  attentionOutput: 'attention.dense',
  mlpInput: 'mlp.dense_h_to_4h',
  mlpOutput: 'mlp.dense_4h_to_h',
};

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'GPT-NeoX');
  const { hidden_size: hiddenSize, num_attention_heads: headCount, num_hidden_layers: layerCount } = fields;
  const headSize = partOf(hiddenSize, headCount, ['hidden_size', 'num_attention_heads']);
  const rotary = rotaryOf({ ...fields, rope_theta: fields.rotary_emb_base }, headSize, {
    partial: fields.rotary_pct ?? ROTARY_SHARE,
  });
  return new GptFamily(
    {
      config: {
        modelType: fields.model_type,
        layerCount,
        hiddenSize,
        intermediateSize: fields.intermediate_size,
        headCount,
        keyValueHeadCount: headCount,
        headSize,
        rotarySize: 2 * rotary.frequencies.length,
        vocabularySize: fields.vocab_size,
        contextLength: fields.max_position_embeddings,
        layerKinds: alike(layerCount, { name: 'full', window: null, rotary }),
      },
      names: NAMES,
      epsilon: fields.layer_norm_eps,
      activation: fields.hidden_act,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: fields.attention_bias, attentionOutput: fields.attention_bias, mlp: true },
      byHead: true,
      parallel: fields.use_parallel_residual,
      pairs: 'halves',
    },
    tensors,
  );
}

export const gptNeox: FamilyDefinition = { label: 'GPT-NeoX', modelTypes: ['gpt_neox'], create };
