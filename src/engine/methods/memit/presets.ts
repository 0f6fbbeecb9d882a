/** Settings of MEMIT for models of known shapes, and where they come from. */
import type { ModelConfig } from '../../families/family.ts';
import type { MemitSettings } from './settings.ts';

/** The reference's for gpt2-xl (kmeng01/memit, hparams/MEMIT/gpt2-xl.json), but for layers and clamp. */
const COMMON = { steps: 20, learningRate: 0.5, weightDecay: 0.5, klFactor: 0.0625, covarianceWeight: 20_000, seed: 0 };

interface Published {
  readonly fits: Pick<ModelConfig, 'modelType' | 'hiddenSize' | 'layerCount'>;
  readonly settings: MemitSettings;
  readonly note: string;
}

const PUBLISHED: readonly Published[] = [
  {
    fits: { modelType: 'gpt2', hiddenSize: 1024, layerCount: 24 },
    settings: { ...COMMON, layers: [4, 5, 6, 7, 8], clampNormFactor: 0.5625 },
    note: 'Values used for gpt2-medium in forks of the reference.',
  },
  {
    fits: { modelType: 'gpt2', hiddenSize: 1600, layerCount: 48 },
    settings: { ...COMMON, layers: [13, 14, 15, 16, 17], clampNormFactor: 0.75 },
    note: 'The values of the reference for gpt2-xl.',
  },
];

/** Published for a model of this shape, else a quarter to a half of the depth, where causal tracing tends to find facts. */
export function memitPreset({ modelType, hiddenSize, layerCount }: ModelConfig): {
  settings: MemitSettings;
  note: string;
} {
  const published = PUBLISHED.find(
    ({ fits }) => fits.modelType === modelType && fits.hiddenSize === hiddenSize && fits.layerCount === layerCount,
  );
  if (published) return published;
  const first = Math.floor(layerCount / 4);
  const last = Math.max(first, Math.floor(layerCount / 2) - 1);
  const layers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return {
    settings: { ...COMMON, layers, clampNormFactor: 0.75 },
    note: 'No values are published for this model: the layers are a quarter to a half of its depth.',
  };
}
