/**
 * Gemma 3's text model (Gemma3ForCausalLM): most layers see a window and turn by a base of their own; queries and keys are normalised head
 * by head. The 270M and 1B models; the larger ones, which see images as well, are another architecture.
 */
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { gemmaDescription, gemmaFields } from './gemma.ts';
import { kindsOfTypes, type LayerType } from './layer-kinds.ts';
import { rotaryOf, scalingSchema } from './rope-config.ts';

/** Every which layer sees everything, where the config does not say. */
const PATTERN = 6;
const GLOBAL_BASE = 1_000_000;
const LOCAL_BASE = 10_000;

const configSchema = z.object({
  model_type: z.literal('gemma3_text'),
  ...gemmaFields,
  sliding_window_pattern: z.int().positive().default(PATTERN),
  /** What layer_types was made of; written with it only. */
  _sliding_window_pattern: z.int().positive().nullish(),
  rope_local_base_freq: z.number().positive().nullish(),
  rope_parameters: z
    .strictObject({ full_attention: scalingSchema.nullish(), sliding_attention: scalingSchema.nullish() })
    .nullish(),
  /** transformers reads it and does not use it. */
  attn_logit_softcapping: z.null().optional(),
  final_logit_softcapping: z.number().positive().nullish(),
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Gemma 3');
  const { rope_theta, rope_scaling, rope_parameters, rope_local_base_freq, head_dim: headSize } = fields;
  const global = rotaryOf(
    { rope_theta, rope_parameters: { ...rope_parameters?.full_attention, ...rope_scaling } },
    headSize,
    { base: GLOBAL_BASE },
  );
  const local = rotaryOf(
    { rope_theta: rope_local_base_freq, rope_parameters: rope_parameters?.sliding_attention },
    headSize,
    { base: LOCAL_BASE },
  );
  const count = fields.num_hidden_layers;
  const byPattern = (layer: number): LayerType =>
    (layer + 1) % fields.sliding_window_pattern === 0 ? 'full_attention' : 'sliding_attention';
  const kinds = kindsOfTypes(
    fields.layer_types ?? Array.from({ length: count }, (_, layer) => byPattern(layer)),
    count,
    {
      full: { name: 'full', window: null, rotary: global },
      sliding: { name: 'sliding', window: fields.sliding_window, rotary: local },
    },
  );
  const softCaps = { attention: null, logits: fields.final_logit_softcapping ?? null };
  const description = gemmaDescription(fields.model_type, fields, kinds);
  return new DecoderFamily({ ...description, headNorms: true, softCaps }, tensors);
}

export const gemma3: FamilyDefinition = { label: 'Gemma 3', modelTypes: ['gemma3_text'], create };
