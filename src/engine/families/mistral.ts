/** Mistral (MistralForCausalLM): Llama's form with a sliding window in every layer, where there is one. Mistral 7B, Mistral NeMo. */
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import { decoderConfig, decoderFields, gateField, headSizeOf } from './decoder-config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { alike, windowedKind } from './layer-kinds.ts';
import { rotaryOf } from './rope-config.ts';

const configSchema = z.object({
  model_type: z.literal('mistral'),
  ...decoderFields,
  ...gateField,
  num_key_value_heads: z.int().positive().nullable(),
  sliding_window: z.int().positive().nullable().default(4096),
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Mistral');
  const kind = windowedKind(fields.sliding_window, rotaryOf(fields, headSizeOf(fields)));
  return new DecoderFamily(
    {
      config: decoderConfig(fields.model_type, fields, alike(fields.num_hidden_layers, kind)),
      epsilon: fields.rms_norm_eps,
      activation: fields.hidden_act,
      tied: fields.tie_word_embeddings,
    },
    tensors,
  );
}

export const mistral: FamilyDefinition = { label: 'Mistral', modelTypes: ['mistral'], create };
