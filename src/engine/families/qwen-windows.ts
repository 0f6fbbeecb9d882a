/** Which layers of Qwen2 and Qwen3 see a window only. */
import { z } from 'zod';
import type { LayerKind } from './family.ts';
import { kindsOfTypes, layerTypesSchema, type LayerType } from './layer-kinds.ts';
import type { Rotary } from './rotary.ts';

export const qwenWindowFields = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: z.int().positive().nullable().default(4096),
  /** Layers from the bottom that see everything, where layer_types does not say. */
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: layerTypesSchema,
};

type WindowFields = z.infer<z.ZodObject<typeof qwenWindowFields>> & { readonly num_hidden_layers: number };

/** @throws ModelError when layer_types does not fit the other fields */
export function qwenKinds(fields: WindowFields, rotary: Rotary): LayerKind[] {
  const window = fields.use_sliding_window ? fields.sliding_window : null;
  const count = fields.num_hidden_layers;
  const upper = (layer: number): LayerType =>
    window !== null && layer >= fields.max_window_layers ? 'sliding_attention' : 'full_attention';
  const types = fields.layer_types ?? Array.from({ length: count }, (_, layer) => upper(layer));
  return kindsOfTypes(types, count, {
    full: { name: 'full', window: null, rotary },
    sliding: window === null ? null : { name: 'sliding', window, rotary },
  });
}
