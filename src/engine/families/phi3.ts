/** Phi-3 (Phi3ForCausalLM): queries, keys and values from one matrix, gate and up from another. Phi-3 mini 4k, Phi-4. */
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import { decoderConfig, decoderFields, gateField, headSizeOf } from './decoder-config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { alike, windowedKind } from './layer-kinds.ts';
import { rotaryOf } from './rope-config.ts';

const configSchema = z.object({
  model_type: z.literal('phi3'),
  ...decoderFields,
  ...gateField,
  rms_norm_eps: z.number().positive().default(1e-5),
  sliding_window: z.int().positive().nullish(),
  /** Share of a head's numbers that is turned. */
  partial_rotary_factor: z.number().positive().max(1).nullish(),
  /** Read by the scalings for long contexts only, which are refused by their own name. */
  original_max_position_embeddings: z.int().positive().nullish(),
  attention_bias: z.literal(false).nullish(),
  mlp_bias: z.literal(false).nullish(),
  lm_head_bias: z.literal(false).nullish(),
  full_attention_mod: z.literal(1).nullish(),
  interpolate_factor: z.literal(1).nullish(),
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Phi-3');
  const rotary = rotaryOf(fields, headSizeOf(fields), { partial: fields.partial_rotary_factor ?? 1 });
  const kind = windowedKind(fields.sliding_window ?? null, rotary);
  return new DecoderFamily(
    {
      config: decoderConfig(fields.model_type, fields, alike(fields.num_hidden_layers, kind)),
      epsilon: fields.rms_norm_eps,
      activation: fields.hidden_act,
      tied: fields.tie_word_embeddings,
      fused: true,
    },
    tensors,
  );
}

export const phi3: FamilyDefinition = { label: 'Phi-3', modelTypes: ['phi3'], create };
