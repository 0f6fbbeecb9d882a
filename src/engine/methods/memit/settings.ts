/** The settings of a MEMIT run, their bounds, and the published presets (algorithm, section 6). */
import { z } from 'zod';
import { EngineError } from '../../errors.ts';

export interface MemitSettings {
  /** Edited layers, ascending and distinct; the last one is where z is optimised. */
  layers: number[];
  /** v_num_grad_steps: loss evaluations per edit; at most one fewer Adam steps. */
  steps: number;
  /** v_lr: Adam's learning rate for δ. */
  learningRate: number;
  /** v_weight_decay: factor of ‖δ‖ / ‖h0‖². */
  weightDecay: number;
  /** clamp_norm_factor: ‖δ‖ is kept at or below this times ‖h0‖. */
  clampNormFactor: number;
  /** kl_factor: weight of KL(p_δ ‖ p₀) on "{subject} is a". */
  klFactor: number;
  /** mom2_update_weight, λ: weight of the statistics against the new keys. */
  covarianceWeight: number;
  /** Seed of the sampler that writes the context templates. */
  seed: number;
}

/** An edit's optimisation stops before the next step once its loss is below this (reference: compute_z). */
export const LOSS_THRESHOLD = 5e-2;

export const memitSettingsSchema = z.object({
  layers: z.array(z.number().int().nonnegative()).min(1),
  steps: z.number().int().min(1).max(1000),
  learningRate: z.number().positive().max(10),
  weightDecay: z.number().nonnegative(),
  clampNormFactor: z.number().positive(),
  klFactor: z.number().nonnegative(),
  covarianceWeight: z.number().positive(),
  seed: z.number().int().nonnegative(),
});

/** Published for a model of this shape, else a quarter to a half of the depth, where causal tracing tends to find facts. */
export function defaultSettings(
  modelType: string,
  hiddenSize: number,
  layerCount: number,
): { settings: MemitSettings; note: string } {
  const common = {
    steps: 20,
    learningRate: 0.5,
    weightDecay: 0.5,
    klFactor: 0.0625,
    covarianceWeight: 20_000,
    seed: 0,
  };
  if (modelType === 'gpt2' && hiddenSize === 1024 && layerCount === 24) {
    const settings = { ...common, layers: [4, 5, 6, 7, 8], clampNormFactor: 0.5625 };
    return { settings, note: 'Values used for gpt2-medium in forks of the reference.' };
  }
  if (modelType === 'gpt2' && hiddenSize === 1600 && layerCount === 48) {
    const settings = { ...common, layers: [13, 14, 15, 16, 17], clampNormFactor: 0.75 };
    return { settings, note: 'The values of the reference for gpt2-xl.' };
  }
  const first = Math.floor(layerCount / 4);
  const last = Math.max(first, Math.floor(layerCount / 2) - 1);
  const layers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return {
    settings: { ...common, layers, clampNormFactor: 0.75 },
    note: 'No values are published for this model: the layers are a quarter to a half of its depth.',
  };
}

/**
 * Checks `settings` against the bounds and the model's depth.
 * @throws EngineError ('input') naming the setting at fault.
 */
export function validateSettings(settings: MemitSettings, layerCount: number): MemitSettings {
  const parsed = memitSettingsSchema.safeParse(settings);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new EngineError('input', `The setting “${path.join('.')}” is not usable: ${message}`);
  }
  const layers = parsed.data.layers;
  for (let i = 0; i < layers.length; i += 1) {
    if (layers[i] >= layerCount) {
      throw new EngineError(
        'input',
        `Layer ${layers[i]} does not exist: this model has layers 0 to ${layerCount - 1}.`,
      );
    }
    if (i > 0 && layers[i] <= layers[i - 1]) {
      throw new EngineError('input', 'The layers must be listed in ascending order, each once.');
    }
  }
  return parsed.data;
}
