/** The kinds of a model's layers, one a layer. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import type { LayerKind } from './family.ts';
import type { Rotary } from './rotary.ts';

/** Of layers that are all alike. */
export function alike(count: number, kind: LayerKind): LayerKind[] {
  return new Array<LayerKind>(count).fill(kind);
}

/** Of layers that see the last `window` tokens, or with null all of them. */
export function windowedKind(window: number | null, rotary: Rotary): LayerKind {
  return { name: window === null ? 'full' : 'sliding', window, rotary };
}

export const layerTypesSchema = z.array(z.enum(['full_attention', 'sliding_attention'])).nullish();

export type LayerType = NonNullable<z.infer<typeof layerTypesSchema>>[number];

/**
 * The kinds of layers by their types in config.json.
 * @param sliding null where config.json names no window
 * @throws ModelError when the types are not as many as the layers, or ask for a window that there is not
 */
export function kindsOfTypes(
  types: readonly LayerType[],
  count: number,
  { full, sliding }: { full: LayerKind; sliding: LayerKind | null },
): LayerKind[] {
  if (types.length !== count) {
    throw new ModelError(`config.json: layer_types names ${types.length} layers, num_hidden_layers ${count}.`);
  }
  return types.map((type) => {
    if (type === 'full_attention') return full;
    if (sliding) return sliding;
    throw new ModelError('config.json: layer_types asks for sliding attention, but no sliding_window is in use.');
  });
}
