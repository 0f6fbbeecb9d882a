/** GPT-J (GPTJForCausalLM): neighbouring numbers of part of every head are turned; attention and the MLP side by side after one norm; a bias on the logits. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { parseConfig, partOf } from './config.ts';
import type { Family, FamilyDefinition, TensorNames } from './family.ts';
import { GptFamily, type GptNames } from './gpt-decoder.ts';
import { alike } from './layer-kinds.ts';
import { activationSchema } from './layers.ts';
import { rotaryFrequencies } from './rotary.ts';

/** Not a setting of the config. */
const ROTARY_BASE = 10_000;

const configSchema = z.object({
  model_type: z.literal('gptj'),
  vocab_size: z.int().positive(),
  n_positions: z.int().positive(),
  n_embd: z.int().positive(),
  n_layer: z.int().positive(),
  n_head: z.int().positive(),
  /** 4 · n_embd when absent. */
  n_inner: z.int().positive().nullish(),
  /** Numbers of a head that are turned. */
  rotary_dim: z.int().positive().multipleOf(2).default(64),
  activation_function: activationSchema.default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  tie_word_embeddings: z.boolean().default(false),
  rotary: z.literal(true).nullish(),
  scale_attn_weights: z.literal(true).nullish(),
});

const NAMES: GptNames = {
  prefix: 'transformer.',
  tokenTable: 'wte',
  layers: 'h',
  finalNorm: 'ln_f',
  heads: ['lm_head'],
  attentionNorm: 'ln_1',
  queryKeyValue: ['attn.q_proj', 'attn.k_proj', 'attn.v_proj'],
  attentionOutput: 'attn.out_proj',
  mlpInput: 'mlp.fc_in',
  mlpOutput: 'mlp.fc_out',
};

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'GPT-J');
  const { n_embd: hiddenSize, n_head: headCount, n_layer: layerCount, rotary_dim: rotarySize } = fields;
  const headSize = partOf(hiddenSize, headCount, ['n_embd', 'n_head']);
  if (rotarySize > headSize) {
    throw new ModelError(`config.json: rotary_dim ${rotarySize} is more than a head has, ${headSize}.`);
  }
  const rotary = { frequencies: rotaryFrequencies(ROTARY_BASE, rotarySize), scale: 1 };
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
        rotarySize,
        vocabularySize: fields.vocab_size,
        contextLength: fields.n_positions,
        layerKinds: alike(layerCount, { name: 'full', window: null, rotary }),
      },
      names: NAMES,
      epsilon: fields.layer_norm_epsilon,
      activation: fields.activation_function,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: false, attentionOutput: false, mlp: true, head: true },
      parallel: true,
      pairs: 'neighbours',
    },
    tensors,
  );
}

export const gptj: FamilyDefinition = { label: 'GPT-J', modelTypes: ['gptj'], create };
