/** Qwen3 (Qwen3ForCausalLM): queries and keys are normalised head by head. */
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import { decoderConfig, decoderFields, gateField, headSizeOf } from './decoder-config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { qwenKinds, qwenWindowFields } from './qwen-windows.ts';
import { rotaryOf } from './rope-config.ts';

const configSchema = z.object({
  model_type: z.literal('qwen3'),
  ...decoderFields,
  ...gateField,
  num_key_value_heads: z.int().positive().nullable(),
  head_dim: z.int().positive(),
  attention_bias: z.boolean().default(false),
  ...qwenWindowFields,
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Qwen3');
  const kinds = qwenKinds(fields, rotaryOf(fields, headSizeOf(fields)));
  return new DecoderFamily(
    {
      config: decoderConfig(fields.model_type, fields, kinds),
      epsilon: fields.rms_norm_eps,
      activation: fields.hidden_act,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: fields.attention_bias, attentionOutput: fields.attention_bias },
      headNorms: true,
    },
    tensors,
  );
}

export const qwen3: FamilyDefinition = { label: 'Qwen3', modelTypes: ['qwen3'], create };
