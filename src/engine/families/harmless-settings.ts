/** Settings of a config.json that change nothing about what a model computes from a text's tokens. */

const PROVENANCE = [
  '_commit_hash',
  '_name_or_path',
  'architectures',
  'auto_map',
  'custom_pipelines',
  'dtype',
  'is_llama_config',
  'name_or_path',
  'tokenizer_class',
  'torch_dtype',
  'transformers.js_config',
  'transformers_version',
  'unsloth_fixed',
  'unsloth_version',
];

/** Numbers that the tokenizer or the sampler reads. */
const SPECIAL_TOKENS = [
  'bos_token_id',
  'decoder_start_token_id',
  'eos_token_id',
  'n_special',
  'pad_token_id',
  'prefix',
  'predict_special_tokens',
  'sep_token_id',
];

/** Of training: what drops out, how weights are drawn. */
const TRAINING = [
  'activation_dropout',
  'attention_dropout',
  'attention_probs_dropout_prob',
  'attn_pdrop',
  'classifier_dropout',
  'dropout',
  'embd_pdrop',
  'embed_dropout',
  'gradient_checkpointing',
  'hidden_dropout',
  'hidden_dropout_prob',
  'init_std',
  'initializer_range',
  'layerdrop',
  'pretraining_tp',
  'resid_dropout',
  'resid_pdrop',
];

/** How the same numbers are computed or handed out. */
const EXECUTION = [
  '_attn_implementation',
  '_attn_implementation_internal',
  'attn_implementation',
  'cache_implementation',
  'chunk_size_feed_forward',
  'is_decoder',
  'output_attentions',
  'output_hidden_states',
  'output_past',
  'output_scores',
  'reorder_and_upcast_attn',
  'return_dict',
  'tie_last_hidden_states',
  'torchscript',
  'use_cache',
];

/** Of heads other than the language model's. */
const OTHER_TASKS = [
  '_num_labels',
  'finetuning_task',
  'id2label',
  'label2id',
  'num_labels',
  'problem_type',
  'summary_activation',
  'summary_first_dropout',
  'summary_proj_to_labels',
  'summary_type',
  'summary_use_proj',
  'task_specific_params',
];

/** Defaults of generation that older files keep here. */
const GENERATION = [
  'bad_words_ids',
  'begin_suppress_tokens',
  'diversity_penalty',
  'do_sample',
  'early_stopping',
  'encoder_no_repeat_ngram_size',
  'exponential_decay_length_penalty',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'length_penalty',
  'max_length',
  'min_length',
  'no_repeat_ngram_size',
  'num_beam_groups',
  'num_beams',
  'num_return_sequences',
  'remove_invalid_values',
  'repetition_penalty',
  'return_dict_in_generate',
  'suppress_tokens',
  'temperature',
  'top_k',
  'top_p',
  'typical_p',
];

/** What transformers does not read either, or reads only for the purposes above. */
export const HARMLESS_SETTINGS: ReadonlySet<string> = new Set([
  ...PROVENANCE,
  ...SPECIAL_TOKENS,
  ...TRAINING,
  ...EXECUTION,
  ...OTHER_TASKS,
  ...GENERATION,
]);
