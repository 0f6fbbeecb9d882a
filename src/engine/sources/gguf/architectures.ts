/**
 * The architectures whose GGUF files are opened: the config.json that the metadata says, and the names and the order of the tensors in
 * Hugging Face layout. What llama.cpp's conversion does to names and values (convert_hf_to_gguf.py, gguf-py/gguf/tensor_mapping.py) is
 * undone.
 */
import type { Arrangement } from '../../weights/gguf/safetensors-view.ts';
import type { GgufMetadata } from './metadata.ts';
import { ropeScaling, type RopeTensors } from './rope-scaling.ts';

/** What a config needs to know of the tensors. */
export interface TensorFacts extends RopeTensors {
  has(name: string): boolean;
  /** Rows of the token table, padding included. */
  readonly vocabularySize: number;
}

export type Config = Readonly<Record<string, unknown>>;

export interface Architecture {
  /** The config.json, but for the ids of tokens. @throws ModelError */
  config(metadata: GgufMetadata, tensors: TensorFacts): Config;
  /** Names of tensors outside the blocks; null: left aside. */
  readonly outer: Readonly<Record<string, string | null>>;
  /** Names of a block's tensors, without `.weight` and `.bias`; of block n they begin with `blk.n.`. */
  readonly inBlock: Readonly<Record<string, string>>;
  /** What stands before a block's tensors in Hugging Face layout. */
  readonly blockPrefix: (block: number) => string;
  /** How the tensor lies there. @param name as in the GGUF file, without `blk.n.` */
  readonly arrangement?: (name: string, config: Config) => Arrangement | undefined;
}

/** Metadata that most architectures share, under the names of Llama's config. */
function common(arch: string, metadata: GgufMetadata, tensors: TensorFacts): Record<string, unknown> {
  const headCount = metadata.number(`${arch}.attention.head_count`);
  const hiddenSize = metadata.number(`${arch}.embedding_length`);
  const experts = metadata.optionalNumber(`${arch}.expert_count`) ?? 0;
  if (experts > 0) throw metadata.refusal(`it is a mixture of ${experts} experts`);
  return {
    vocab_size: tensors.vocabularySize,
    hidden_size: hiddenSize,
    intermediate_size: metadata.number(`${arch}.feed_forward_length`),
    num_hidden_layers: metadata.number(`${arch}.block_count`),
    num_attention_heads: headCount,
    num_key_value_heads: metadata.optionalNumber(`${arch}.attention.head_count_kv`) ?? headCount,
    head_dim: metadata.optionalNumber(`${arch}.attention.key_length`) ?? hiddenSize / headCount,
    max_position_embeddings: metadata.number(`${arch}.context_length`),
    rms_norm_eps: metadata.float(`${arch}.attention.layer_norm_rms_epsilon`),
    rope_theta: metadata.optionalFloat(`${arch}.rope.freq_base`) ?? 10_000,
    tie_word_embeddings: !tensors.has('output.weight'),
    ...ropeScaling(arch, metadata, tensors),
  };
}

const GATED_BLOCK = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const QUERY_AND_KEY_NORMS = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' };

const DECODER = {
  outer: {
    'token_embd.weight': 'model.embed_tokens.weight',
    'output_norm.weight': 'model.norm.weight',
    'output.weight': 'lm_head.weight',
    // Told by the config.
    'rope_freqs.weight': null,
  },
  blockPrefix: (block: number) => `model.layers.${block}.`,
};

const llama: Architecture = {
  ...DECODER,
  config: (metadata, tensors) => ({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    ...common('llama', metadata, tensors),
    hidden_act: 'silu',
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    mlp_bias: tensors.has('blk.0.ffn_down.bias'),
  }),
  inBlock: GATED_BLOCK,
  arrangement: (name, { num_attention_heads, num_key_value_heads, head_dim }) => {
    const heads = name.startsWith('attn_q.')
      ? num_attention_heads
      : name.startsWith('attn_k.')
        ? num_key_value_heads
        : null;
    return heads === null ? undefined : { rowOf: rotatedHalves(head_dim as number) };
  },
};

/**
 * llama.cpp turns neighbouring rows 2i and 2i + 1 of a head together, Hugging Face's Llama rows i and i + half of it: where row `row` of
 * the second lies in the first.
 */
function rotatedHalves(headSize: number): (row: number) => number {
  const half = headSize / 2;
  return (row) => {
    const inHead = row % headSize;
    return row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
  };
}

const qwen2: Architecture = {
  ...DECODER,
  config: (metadata, tensors) => ({
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    ...common('qwen2', metadata, tensors),
    hidden_act: 'silu',
    use_sliding_window: false,
  }),
  inBlock: GATED_BLOCK,
};

const qwen3: Architecture = {
  ...DECODER,
  config: (metadata, tensors) => ({
    architectures: ['Qwen3ForCausalLM'],
    model_type: 'qwen3',
    ...common('qwen3', metadata, tensors),
    hidden_act: 'silu',
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    use_sliding_window: false,
  }),
  inBlock: { ...GATED_BLOCK, ...QUERY_AND_KEY_NORMS },
};

const GEMMA_BLOCK = {
  ...GATED_BLOCK,
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

/** Gemma's norms multiply by 1 + weight, which is what llama.cpp stores. */
function gemmaNorms(name: string): Arrangement | undefined {
  return name.endsWith('norm.weight') ? { plus: -1 } : undefined;
}

/**
 * What queries are divided by the root of; the metadata does not say. It is the size of a head, but in the 27B models, told by their
 * number of layers as llama.cpp does, where it is a head's part of the hidden size.
 */
function queryScalar(shared: Config, layersOf27B: number): number {
  const { num_hidden_layers: layers, hidden_size: hidden, num_attention_heads: heads, head_dim: headSize } = shared;
  return layers === layersOf27B ? (hidden as number) / (heads as number) : (headSize as number);
}

const gemma2: Architecture = {
  ...DECODER,
  config: (metadata, tensors) => {
    const shared = common('gemma2', metadata, tensors);
    return {
      architectures: ['Gemma2ForCausalLM'],
      model_type: 'gemma2',
      ...shared,
      hidden_activation: 'gelu_pytorch_tanh',
      attention_bias: false,
      query_pre_attn_scalar: queryScalar(shared, 46),
      sliding_window: metadata.number('gemma2.attention.sliding_window'),
      attn_logit_softcapping: metadata.optionalFloat('gemma2.attn_logit_softcapping') ?? null,
      final_logit_softcapping: metadata.optionalFloat('gemma2.final_logit_softcapping') ?? null,
    };
  },
  inBlock: GEMMA_BLOCK,
  arrangement: gemmaNorms,
};

const gemma3: Architecture = {
  ...DECODER,
  config: (metadata, tensors) => {
    const shared = common('gemma3', metadata, tensors);
    return {
      architectures: ['Gemma3ForCausalLM'],
      model_type: 'gemma3_text',
      ...shared,
      hidden_activation: 'gelu_pytorch_tanh',
      attention_bias: false,
      query_pre_attn_scalar: queryScalar(shared, 62),
      // The metadata of files from before mid 2025 has neither; llama.cpp takes these.
      rope_theta: metadata.optionalFloat('gemma3.rope.freq_base') ?? 1_000_000,
      rope_local_base_freq: metadata.optionalFloat('gemma3.rope.freq_base_swa') ?? 10_000,
      sliding_window: metadata.number('gemma3.attention.sliding_window'),
      sliding_window_pattern: 6,
      attn_logit_softcapping: null,
      final_logit_softcapping: metadata.optionalFloat('gemma3.final_logit_softcapping') ?? null,
    };
  },
  inBlock: { ...GEMMA_BLOCK, ...QUERY_AND_KEY_NORMS },
  arrangement: gemmaNorms,
};

const phi3: Architecture = {
  ...DECODER,
  outer: { ...DECODER.outer, 'rope_factors_long.weight': null, 'rope_factors_short.weight': null },
  config: (metadata, tensors) => {
    const { head_dim: headSize, ...shared } = common('phi3', metadata, tensors);
    const rotated = metadata.optionalNumber('phi3.rope.dimension_count') ?? (headSize as number);
    return {
      architectures: ['Phi3ForCausalLM'],
      model_type: 'phi3',
      ...shared,
      hidden_act: 'silu',
      partial_rotary_factor: rotated / (headSize as number),
      sliding_window: metadata.optionalNumber('phi3.attention.sliding_window') ?? null,
    };
  },
  inBlock: { ...GATED_BLOCK, attn_qkv: 'self_attn.qkv_proj', ffn_up: 'mlp.gate_up_proj' },
};

const gpt2: Architecture = {
  config: (metadata, tensors) => ({
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    vocab_size: tensors.vocabularySize,
    n_positions: metadata.number('gpt2.context_length'),
    n_embd: metadata.number('gpt2.embedding_length'),
    n_layer: metadata.number('gpt2.block_count'),
    n_head: metadata.number('gpt2.attention.head_count'),
    n_inner: metadata.number('gpt2.feed_forward_length'),
    layer_norm_epsilon: metadata.float('gpt2.attention.layer_norm_epsilon'),
    activation_function: 'gelu_new',
    tie_word_embeddings: !tensors.has('output.weight'),
  }),
  outer: {
    'token_embd.weight': 'transformer.wte.weight',
    'position_embd.weight': 'transformer.wpe.weight',
    'output_norm.weight': 'transformer.ln_f.weight',
    'output_norm.bias': 'transformer.ln_f.bias',
    'output.weight': 'lm_head.weight',
  },
  inBlock: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  blockPrefix: (block) => `transformer.h.${block}.`,
  // Conv1D keeps [in, out].
  arrangement: (name) =>
    /^(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { transposed: true } : undefined,
};

const gptneox: Architecture = {
  config: (metadata, tensors) => {
    const headCount = metadata.number('gptneox.attention.head_count');
    const hiddenSize = metadata.number('gptneox.embedding_length');
    return {
      architectures: ['GPTNeoXForCausalLM'],
      model_type: 'gpt_neox',
      vocab_size: tensors.vocabularySize,
      hidden_size: hiddenSize,
      intermediate_size: metadata.number('gptneox.feed_forward_length'),
      num_hidden_layers: metadata.number('gptneox.block_count'),
      num_attention_heads: headCount,
      max_position_embeddings: metadata.number('gptneox.context_length'),
      layer_norm_eps: metadata.float('gptneox.attention.layer_norm_epsilon'),
      rotary_pct: metadata.number('gptneox.rope.dimension_count') / (hiddenSize / headCount),
      rotary_emb_base: metadata.optionalFloat('gptneox.rope.freq_base') ?? 10_000,
      use_parallel_residual: metadata.optionalFlag('gptneox.use_parallel_residual') ?? true,
      hidden_act: 'gelu',
      attention_bias: tensors.has('blk.0.attn_qkv.bias'),
      tie_word_embeddings: !tensors.has('output.weight'),
    };
  },
  outer: {
    'token_embd.weight': 'gpt_neox.embed_in.weight',
    'output_norm.weight': 'gpt_neox.final_layer_norm.weight',
    'output_norm.bias': 'gpt_neox.final_layer_norm.bias',
    'output.weight': 'embed_out.weight',
  },
  inBlock: {
    attn_norm: 'input_layernorm',
    attn_qkv: 'attention.query_key_value',
    attn_output: 'attention.dense',
    ffn_norm: 'post_attention_layernorm',
    ffn_up: 'mlp.dense_h_to_4h',
    ffn_down: 'mlp.dense_4h_to_h',
  },
  blockPrefix: (block) => `gpt_neox.layers.${block}.`,
  arrangement: (name, { hidden_size: hiddenSize, num_attention_heads: heads }) =>
    name.startsWith('attn_qkv.')
      ? { rowOf: headsTogether(hiddenSize as number, (hiddenSize as number) / (heads as number)) }
      : undefined,
};

/** llama.cpp has the queries of all heads, then the keys, then the values; GPT-NeoX has head after head, each with its three. */
function headsTogether(hiddenSize: number, headSize: number): (row: number) => number {
  return (row) => {
    const head = Math.floor(row / (3 * headSize));
    const part = Math.floor(row / headSize) % 3;
    return part * hiddenSize + head * headSize + (row % headSize);
  };
}

/** By `general.architecture`. */
export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([
  ['llama', llama],
  ['qwen2', qwen2],
  ['qwen3', qwen3],
  ['gemma2', gemma2],
  ['gemma3', gemma3],
  ['phi3', phi3],
  ['gpt2', gpt2],
  ['gptneox', gptneox],
]);
