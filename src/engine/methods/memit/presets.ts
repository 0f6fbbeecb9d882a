/** Settings of MEMIT for models of known shapes, and where they come from. */
import type { ModelConfig } from '../../families/family.ts';
import type { MemitSettings } from './settings.ts';

/** The reference's for gpt2-xl (kmeng01/memit, hparams/MEMIT/gpt2-xl.json), but for layers and clamp. */
const COMMON = { steps: 20, learningRate: 0.5, weightDecay: 0.5, klFactor: 0.0625, covarianceWeight: 20_000, seed: 0 };

/** EasyEdit's for Llama 2 7B, Llama 3 8B, Llama 3.2 3B and Qwen2.5 7B (zjunlp/EasyEdit, hparams/MEMIT). */
const EASY_EDIT = {
  layers: [4, 5, 6, 7, 8],
  steps: 25,
  learningRate: 0.5,
  weightDecay: 1e-3,
  clampNormFactor: 4,
  klFactor: 0.0625,
  covarianceWeight: 15_000,
  seed: 0,
};

interface Known {
  readonly fits: Pick<ModelConfig, 'modelType' | 'hiddenSize' | 'layerCount'>;
  readonly settings: MemitSettings;
  readonly note: string;
}

const KNOWN: readonly Known[] = [
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
  {
    fits: { modelType: 'gptj', hiddenSize: 4096, layerCount: 28 },
    settings: { ...COMMON, layers: [3, 4, 5, 6, 7, 8], steps: 25, clampNormFactor: 0.75, covarianceWeight: 15_000 },
    note: 'The values of the reference for GPT-J 6B.',
  },
  {
    fits: { modelType: 'gpt_neox', hiddenSize: 6144, layerCount: 44 },
    settings: { ...COMMON, layers: [6, 7, 8, 9, 10], clampNormFactor: 0.3 },
    note: 'The values of the paper (appendix) for GPT-NeoX 20B.',
  },
  {
    fits: { modelType: 'llama', hiddenSize: 4096, layerCount: 32 },
    settings: EASY_EDIT,
    note: 'The values of EasyEdit for Llama models of 7 and 8 billion parameters.',
  },
  {
    fits: { modelType: 'llama', hiddenSize: 3072, layerCount: 28 },
    settings: EASY_EDIT,
    note: 'The values of EasyEdit for Llama 3.2 3B.',
  },
  {
    fits: { modelType: 'qwen2', hiddenSize: 3584, layerCount: 28 },
    settings: EASY_EDIT,
    note: 'The values of EasyEdit for Qwen2.5 7B.',
  },
  {
    fits: { modelType: 'llama', hiddenSize: 576, layerCount: 30 },
    settings: { ...EASY_EDIT, covarianceWeight: 150 },
    note: 'Found on SmolLM2-135M: layers where severed MLPs cost most, and the λ with which 20 and 100 edits take and neighbours keep.',
  },
];

/** Known for a model of this shape, else a quarter to a half of the depth, where causal tracing tends to find facts. */
export function memitPreset({ modelType, hiddenSize, layerCount }: ModelConfig): {
  settings: MemitSettings;
  note: string;
} {
  const known = KNOWN.find(
    ({ fits }) => fits.modelType === modelType && fits.hiddenSize === hiddenSize && fits.layerCount === layerCount,
  );
  if (known) return { settings: known.settings, note: known.note };
  const first = Math.floor(layerCount / 4);
  const last = Math.max(first, Math.floor(layerCount / 2) - 1);
  const layers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return {
    settings: { ...COMMON, layers, clampNormFactor: 0.75 },
    note:
      'No values are published for this model: the layers are a quarter to a half of its depth. A causal trace averaged over known facts ' +
      'proposes others.',
  };
}
