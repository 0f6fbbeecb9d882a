/** Llama (LlamaForCausalLM): the plain form of {@link DecoderFamily}. Llama 1 to 3, TinyLlama, SmolLM. */
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import { decoderConfig, decoderFields, gateField, headSizeOf } from './decoder-config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { alike } from './layer-kinds.ts';
import { rotaryOf } from './rope-config.ts';

const configSchema = z.object({
  model_type: z.literal('llama'),
  ...decoderFields,
  ...gateField,
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  /** Pairs as neighbours; transformers has halves only. */
  rope_interleaved: z.literal(false).nullish(),
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Llama');
  const rotary = rotaryOf(fields, headSizeOf(fields));
  const kinds = alike(fields.num_hidden_layers, { name: 'full', window: null, rotary });
  const { attention_bias: attention, mlp_bias: mlp } = fields;
  return new DecoderFamily(
    {
      config: decoderConfig(fields.model_type, fields, kinds),
      epsilon: fields.rms_norm_eps,
      activation: fields.hidden_act,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: attention, attentionOutput: attention, mlp },
    },
    tensors,
  );
}

export const llama: FamilyDefinition = { label: 'Llama', modelTypes: ['llama'], create };
