/** MEMIT (Meng et al. 2023, "Mass-Editing Memory in a Transformer"; reference: kmeng01/memit). */
import { EditedWeights } from '../../model/weight-set.ts';
import { checkpoint } from '../../job.ts';
import { buildEditPrompts, type EditPrompts } from '../../targets/prompts.ts';
import { optimizeTargets } from '../../targets/optimize.ts';
import type { StepLosses } from '../../targets/losses.ts';
import { assertLayers } from '../setting-fields.ts';
import type { EditingMethod } from '../method.ts';
import { memitPreset } from './presets.ts';
import { memitSettingsSchema, type MemitSettings } from './settings.ts';
import { spreadUpdates } from './spread.ts';

/** Edits whose prompts are made between two checkpoints. */
const TOKENISED_AT_ONCE = 16;

export const memit: EditingMethod<MemitSettings> = {
  id: 'memit',
  label: 'MEMIT',
  summary:
    'Finds for every fact a hidden state that makes the model say the new object, and spreads what is needed for all of them over ' +
    'the MLPs of several layers in one least-squares solve a layer (Meng et al. 2023).',
  settings: memitSettingsSchema,
  phases: [
    { id: 'targets', label: 'Targets', purpose: 'the states that make the model say the new objects' },
    { id: 'spread', label: 'Spread', purpose: 'the change of the weights, layer by layer' },
  ],
  preset: memitPreset,
  check: ({ layers }, { layerCount }) => assertLayers(layers, layerCount),
  needs: ({ layers, seed }) => ({ secondMoments: layers, contextSeed: seed }),

  objection({ ids, lookupIndex }, { layers }, { layerCount }) {
    const last = layers[layers.length - 1];
    if (last < layerCount - 1 || lookupIndex === ids.length - 1) return null;
    return `Layer ${last} is the model’s last: no word after the subject reads what it changes there.`;
  },

  async run({ model, tokenizer, weights, contexts, statistics, keptTargets }, requests, settings, job, onEvent) {
    const { contextLength } = model.config;
    const prompts: EditPrompts[] = [];
    const total = requests.length * settings.steps;
    for (const request of requests) {
      // Thousands, in all contexts, take seconds.
      if (prompts.length % TOKENISED_AT_ONCE === 0) {
        const detail = `prompts, ${prompts.length} of ${requests.length} edits`;
        onEvent({ kind: 'phase', phase: 'targets', done: 0, total, detail });
        await checkpoint(job);
      }
      prompts.push(buildEditPrompts(request, contexts, tokenizer, contextLength));
    }
    const losses: StepLosses[] = [];
    let evaluated = 0;

    const started = performance.now();
    const layer = settings.layers[settings.layers.length - 1];
    const search = { ...settings, layer };
    const kept = (await keptTargets?.('memit', search)) ?? null;
    const onStep = (step: readonly StepLosses[], finished: number): void => {
      for (const loss of step) losses.push(loss);
      evaluated = Math.max(evaluated + step.length, finished * settings.steps);
      const earlier = kept?.found ? `, ${kept.found} of them kept from before` : '';
      const detail = `step ${step[0].step + 1}, ${finished} of ${requests.length} edits done${earlier}`;
      onEvent({ kind: 'phase', phase: 'targets', done: Math.min(evaluated, total), total, detail });
      onEvent({ kind: 'losses', losses: step });
    };
    const targets = await optimizeTargets(model, weights, prompts, search, job, onStep, kept);
    const optimized = performance.now();

    const edited = new EditedWeights(weights);
    try {
      let layers = 0;
      const states = targets.map(({ z }) => z);
      const spread = await spreadUpdates(model, edited, prompts, states, statistics, settings, job, (outcome) => {
        layers += 1;
        const detail = `layer ${outcome.layer}`;
        onEvent({ kind: 'phase', phase: 'spread', done: layers, total: settings.layers.length, detail });
        onEvent({ kind: 'layer', outcome });
      });
      const seconds = {
        targets: (optimized - started) / 1000,
        spread: (performance.now() - optimized) / 1000,
      };
      return { deltas: spread.deltas, losses, layers: spread.outcomes, residuals: spread.residuals, seconds };
    } finally {
      edited.dispose();
    }
  },
};
