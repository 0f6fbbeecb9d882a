/** Qwen2 (Qwen2ForCausalLM): biases on queries, keys and values, and a sliding window in the upper layers where it is switched on. Qwen2, Qwen2.5. */
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import { decoderConfig, decoderFields, gateField, headSizeOf } from './decoder-config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { qwenKinds, qwenWindowFields } from './qwen-windows.ts';
import { rotaryOf } from './rope-config.ts';

const configSchema = z.object({
  model_type: z.literal('qwen2'),
  ...decoderFields,
  ...gateField,
  num_key_value_heads: z.int().positive().nullable(),
  ...qwenWindowFields,
  /** Positions of images. */
  use_mrope: z.literal(false).nullish(),
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Qwen2');
  const kinds = qwenKinds(fields, rotaryOf(fields, headSizeOf(fields)));
  return new DecoderFamily(
    {
      config: decoderConfig(fields.model_type, fields, kinds),
      epsilon: fields.rms_norm_eps,
      activation: fields.hidden_act,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: true },
    },
    tensors,
  );
}

export const qwen2: FamilyDefinition = { label: 'Qwen2', modelTypes: ['qwen2'], create };
