/** The settings that decoders of Llama's form share. */
import { z } from 'zod';
import { partOf } from './config.ts';
import type { LayerKind, ModelConfig } from './family.ts';
import { activationSchema } from './layers.ts';
import { ropeFields } from './rope-config.ts';

/** Fields of a family's schema; what transformers' classes disagree on is overridden there. */
export const decoderFields = {
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
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  ...ropeFields,
};

/** Of most of them; Gemma's is called otherwise. */
export const gateField = { hidden_act: activationSchema.default('silu') };

type ShapeFields = z.infer<z.ZodObject<Omit<typeof decoderFields, keyof typeof ropeFields>>>;

/** The size of a head. @throws ModelError where hidden_size is no multiple of the heads */
export function headSizeOf({ head_dim, hidden_size, num_attention_heads }: ShapeFields): number {
  return head_dim ?? partOf(hidden_size, num_attention_heads, ['hidden_size', 'num_attention_heads']);
}

/**
 * @param layerKinds one a layer
 * @throws ModelError naming fields that do not fit together
 */
export function decoderConfig(modelType: string, fields: ShapeFields, layerKinds: readonly LayerKind[]): ModelConfig {
  const headCount = fields.num_attention_heads;
  const keyValueHeadCount = fields.num_key_value_heads ?? headCount;
  partOf(headCount, keyValueHeadCount, ['num_attention_heads', 'num_key_value_heads']);
  return {
    modelType,
    layerCount: fields.num_hidden_layers,
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    headCount,
    keyValueHeadCount,
    headSize: headSizeOf(fields),
    rotarySize: 2 * (layerKinds[0].rotary?.frequencies.length ?? 0),
    vocabularySize: fields.vocab_size,
    contextLength: fields.max_position_embeddings,
    layerKinds,
  };
}
