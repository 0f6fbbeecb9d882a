/** What Gemma 2 and 3 share: scaled embeddings, norms that multiply by 1 + weight, before and after attention and the MLP. */
import { z } from 'zod';
import type { DecoderDescription } from './decoder.ts';
import { decoderConfig, decoderFields } from './decoder-config.ts';
import type { LayerKind } from './family.ts';
import { layerTypesSchema } from './layer-kinds.ts';
import { activationSchema } from './layers.ts';
import type { ropeFields } from './rope-config.ts';

export const gemmaFields = {
  ...decoderFields,
  num_key_value_heads: z.int().positive(),
  head_dim: z.int().positive(),
  hidden_activation: activationSchema.default('gelu_pytorch_tanh'),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
  /** Scores are divided by its square root. */
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: z.int().positive().default(4096),
  layer_types: layerTypesSchema,
};

type GemmaFields = z.infer<z.ZodObject<Omit<typeof gemmaFields, keyof typeof ropeFields>>>;

export function gemmaDescription(
  modelType: string,
  fields: GemmaFields,
  kinds: readonly LayerKind[],
): DecoderDescription {
  return {
    config: {
      ...decoderConfig(modelType, fields, kinds),
      embeddingScale: Math.sqrt(fields.hidden_size),
    },
    epsilon: fields.rms_norm_eps,
    activation: fields.hidden_activation,
    tied: fields.tie_word_embeddings,
    attentionScale: 1 / Math.sqrt(fields.query_pre_attn_scalar),
    biases: { queryKeyValue: fields.attention_bias, attentionOutput: fields.attention_bias },
    gemmaNorms: true,
  };
}
