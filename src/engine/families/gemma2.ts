/** Gemma 2 (Gemma2ForCausalLM): every other layer sees a window; attention's scores and the logits are bounded. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { parseConfig } from './config.ts';
import { DecoderFamily } from './decoder.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { gemmaDescription, gemmaFields } from './gemma.ts';
import { kindsOfTypes, type LayerType } from './layer-kinds.ts';
import { rotaryOf } from './rope-config.ts';

const configSchema = z.object({
  model_type: z.literal('gemma2'),
  ...gemmaFields,
  /** A former name of hidden_activation, and of sliding_window, that files have besides. */
  hidden_act: z.string().nullish(),
  sliding_window_size: z.int().positive().nullish(),
  attn_logit_softcapping: z.number().positive().nullable().default(50),
  final_logit_softcapping: z.number().positive().nullable().default(30),
});

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'Gemma 2');
  assertSame('hidden_act', fields.hidden_act, 'hidden_activation', fields.hidden_activation);
  assertSame('sliding_window_size', fields.sliding_window_size, 'sliding_window', fields.sliding_window);
  const rotary = rotaryOf(fields, fields.head_dim);
  const count = fields.num_hidden_layers;
  const alternating = (layer: number): LayerType => (layer % 2 === 0 ? 'sliding_attention' : 'full_attention');
  const kinds = kindsOfTypes(
    fields.layer_types ?? Array.from({ length: count }, (_, layer) => alternating(layer)),
    count,
    {
      full: { name: 'full', window: null, rotary },
      sliding: { name: 'sliding', window: fields.sliding_window, rotary },
    },
  );
  const softCaps = { attention: fields.attn_logit_softcapping, logits: fields.final_logit_softcapping };
  return new DecoderFamily({ ...gemmaDescription(fields.model_type, fields, kinds), softCaps }, tensors);
}

/** @throws ModelError where the former name says another thing, since it is not known which was trained with */
function assertSame<T>(former: string, old: T | null | undefined, name: string, value: T): void {
  if ((old ?? value) === value) return;
  throw new ModelError(`config.json: ${former} ${String(old)} contradicts ${name} ${String(value)}.`);
}

export const gemma2: FamilyDefinition = { label: 'Gemma 2', modelTypes: ['gemma2'], create };
