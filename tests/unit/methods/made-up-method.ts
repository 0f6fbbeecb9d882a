/** An editing method that there is in the tests alone: it adds waves to the projections of some layers, one an edit, without looking at statistics or contexts. */
import { z } from 'zod';
import { projectionOf } from '../../../src/engine/families/family.ts';
import { checkpoint } from '../../../src/engine/job.ts';
import type { EditingMethod } from '../../../src/engine/methods/method.ts';
import type { LayerOutcome } from '../../../src/engine/methods/report.ts';
import { assertLayers, layersSetting } from '../../../src/engine/methods/setting-fields.ts';
import type { DenseDelta } from '../../../src/engine/patches/weight-delta.ts';
import { targetText, type EditRequest } from '../../../src/engine/tokens/request.ts';
import type { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';

const waveSettings = z.object({
  places: layersSetting('Places', 'Where the waves are added.'),
  height: z.number().positive().max(2).meta({ title: 'Height', description: 'How high the waves are.' }),
  ripples: z.number().int().min(1).max(9).meta({ title: 'Ripples', description: 'How many go into one edit.' }),
});

export type WaveSettings = z.infer<typeof waveSettings>;

/** What is added to a weight of `size` numbers. */
export function waveOf(
  requests: readonly EditRequest[],
  tokenizer: ModelTokenizer,
  { height, ripples }: Omit<WaveSettings, 'places'>,
  size: number,
): Float32Array {
  const pitches = requests.map((request) =>
    tokenizer.encode(targetText(request), { special: false }).reduce((sum, id) => sum + id, 1),
  );
  return Float32Array.from({ length: size }, (_, i) =>
    pitches.reduce((sum, pitch) => sum + height * Math.sin((2 * Math.PI * ripples * pitch * i) / size), 0),
  );
}

const wave: EditingMethod<WaveSettings> = {
  id: 'wave',
  label: 'Wave',
  summary: 'Adds a wave an edit (made up).',
  settings: waveSettings,
  phases: [
    { id: 'listen', label: 'Listen', purpose: 'the pitch of every object' },
    { id: 'play', label: 'Play', purpose: 'the change of the weights' },
  ],
  preset: ({ layerCount }) => ({ settings: { places: [layerCount - 1], height: 0.25, ripples: 3 }, note: 'By ear.' }),
  check: ({ places }, { layerCount }) => assertLayers(places, layerCount),
  needs: () => ({ secondMoments: [], contextSeed: null }),

  async run({ model, tokenizer, weights, contexts }, requests, settings, job, onEvent) {
    for (const [i, { subject }] of requests.entries()) {
      await checkpoint(job);
      onEvent({ kind: 'phase', phase: 'listen', done: i + 1, total: requests.length, detail: subject });
    }
    const deltas: DenseDelta[] = [];
    const layers: LayerOutcome[] = [];
    for (const layer of settings.places) {
      await checkpoint(job);
      const { tensor } = projectionOf(model.family, layer, 'mlp-output');
      const weight = weights.get(tensor);
      const values = waveOf(requests, tokenizer, settings, weight.size);
      deltas.push({ kind: 'dense', tensor, shape: weight.dims, values });
      const weightNorm = await model.linalg.norm(weight);
      const outcome = { layer, updateNorm: Math.hypot(...values), weightNorm, meanResidual: 0, relativeResidual: 0 };
      layers.push({ ...outcome, seconds: 0 });
      onEvent({ kind: 'layer', outcome: layers[layers.length - 1] });
      const detail = `after ${contexts.join(' and ')}`;
      onEvent({ kind: 'phase', phase: 'play', done: layers.length, total: settings.places.length, detail });
    }
    return { deltas, losses: [], layers, seconds: { listen: 1, play: 2 } };
  },
};

export const madeUp = wave as EditingMethod;
