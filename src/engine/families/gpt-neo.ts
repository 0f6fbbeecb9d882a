/** GPT-Neo (GPTNeoForCausalLM): learned positions, layers that see everything and layers with a window, scores that are not scaled. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { parseConfig, partOf } from './config.ts';
import type { Family, FamilyDefinition, LayerKind, TensorNames } from './family.ts';
import { GptFamily, type GptNames } from './gpt-decoder.ts';
import { activationSchema } from './layers.ts';

const reachSchema = z.enum(['global', 'local']);

const configSchema = z.object({
  model_type: z.literal('gpt_neo'),
  vocab_size: z.int().positive(),
  max_position_embeddings: z.int().positive(),
  hidden_size: z.int().positive(),
  num_layers: z.int().positive(),
  num_heads: z.int().positive(),
  /** 4 · hidden_size when absent. */
  intermediate_size: z.int().positive().nullish(),
  /** Patterns, each with the number of its repetitions. */
  attention_types: z.array(z.tuple([z.array(reachSchema), z.int().nonnegative()])),
  /** One a layer: attention_types written out. */
  attention_layers: z.array(reachSchema).nullish(),
  window_size: z.int().positive().default(256),
  activation_function: activationSchema.default('gelu_new'),
  layer_norm_epsilon: z.number().positive().default(1e-5),
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
  queryKeyValue: ['attn.attention.q_proj', 'attn.attention.k_proj', 'attn.attention.v_proj'],
  attentionOutput: 'attn.attention.out_proj',
  mlpInput: 'mlp.c_fc',
  mlpOutput: 'mlp.c_proj',
};

function create(config: unknown, tensors: TensorNames): Family {
  const fields = parseConfig(configSchema, config, 'GPT-Neo');
  const { hidden_size: hiddenSize, num_heads: headCount, num_layers: layerCount } = fields;
  const headSize = partOf(hiddenSize, headCount, ['hidden_size', 'num_heads']);
  const kinds: Record<z.infer<typeof reachSchema>, LayerKind> = {
    global: { name: 'global', window: null },
    local: { name: 'local', window: fields.window_size },
  };
  const layers = fields.attention_types.flatMap(([pattern, times]) =>
    new Array<typeof pattern>(times).fill(pattern).flat(),
  );
  if (layers.length !== layerCount) {
    throw new ModelError(`config.json: attention_types makes ${layers.length} layers, num_layers ${layerCount}.`);
  }
  if (fields.attention_layers && fields.attention_layers.join() !== layers.join()) {
    throw new ModelError('config.json: attention_layers contradicts attention_types.');
  }
  return new GptFamily(
    {
      config: {
        modelType: fields.model_type,
        layerCount,
        hiddenSize,
        intermediateSize: fields.intermediate_size ?? 4 * hiddenSize,
        headCount,
        keyValueHeadCount: headCount,
        headSize,
        rotarySize: 0,
        vocabularySize: fields.vocab_size,
        contextLength: fields.max_position_embeddings,
        layerKinds: layers.map((reach) => kinds[reach]),
      },
      names: NAMES,
      epsilon: fields.layer_norm_epsilon,
      activation: fields.activation_function,
      tied: fields.tie_word_embeddings,
      biases: { queryKeyValue: false, attentionOutput: true, mlp: true },
      attentionScale: () => 1,
    },
    tensors,
  );
}

export const gptNeo: FamilyDefinition = { label: 'GPT-Neo', modelTypes: ['gpt_neo'], create };
