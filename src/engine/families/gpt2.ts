/** GPT-2 (GPT2LMHeadModel): learned positions, Conv1D weights stored [in, out]. */
import { z } from 'zod';
import { parseConfig, partOf } from './config.ts';
import type { Family, FamilyDefinition, LayerKind, TensorNames } from './family.ts';
import { GptFamily, type GptNames } from './gpt-decoder.ts';
import { activationSchema } from './layers.ts';

const configSchema = z.object({
  model_type: z.literal('gpt2'),
  vocab_size: z.int().positive(),
  n_positions: z.int().positive(),
  /** A former name of n_positions that files have besides. */
  n_ctx: z.int().positive().nullish(),
  n_embd: z.int().positive(),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  /** 4 · n_embd when absent. */
  n_inner: z.int().positive().nullish(),
  activation_function: activationSchema.default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
});

const NAMES: GptNames = {
  prefix: 'transformer.',
  tokenTable: 'wte',
  positionTable: 'wpe',
  layers: 'h',
  finalNorm: 'ln_f',
  heads: ['lm_head'],
  attentionNorm: 'ln_1',
  mlpNorm: 'ln_2',
  queryKeyValue: 'attn.c_attn',
  attentionOutput: 'attn.c_proj',
  mlpInput: 'mlp.c_fc',
  mlpOutput: 'mlp.c_proj',
};

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'GPT-2');
  const { n_embd: hiddenSize, n_head: headCount, n_layer: layerCount } = fields;
  const headSize = partOf(hiddenSize, headCount, ['n_embd', 'n_head']);
  const byLayer = fields.scale_attn_by_inverse_layer_idx;
  const scale = fields.scale_attn_weights ? 1 / Math.sqrt(headSize) : 1;
  const full: LayerKind = { name: 'full', window: null };
  return new GptFamily(
    {
      config: {
        modelType: fields.model_type,
        layerCount,
        hiddenSize,
        intermediateSize: fields.n_inner ?? 4 * hiddenSize,
        headCount,
        keyValueHeadCount: headCount,
        headSize,
        rotarySize: 0,
        vocabularySize: fields.vocab_size,
        contextLength: fields.n_positions,
        // Scaled by its number, every layer is of a kind of its own.
        layerKinds: Array.from({ length: layerCount }, (_, i) => (byLayer ? { ...full, name: `layer-${i}` } : full)),
      },
      names: NAMES,
      epsilon: fields.layer_norm_epsilon,
      activation: fields.activation_function,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: true, attentionOutput: true, mlp: true },
      fanInFanOut: true,
      attentionScale: (layer) => (byLayer ? scale / (layer + 1) : scale),
    },
    tensors,
  );
}

export const gpt2: FamilyDefinition = { label: 'GPT-2', modelTypes: ['gpt2'], create };
