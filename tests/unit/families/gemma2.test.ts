/** Gemma 2 against transformers: scaled embeddings, norms after attention and the MLP, bounded scores and logits, windows in every other layer. */
import { expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('gemma2', { normAfterMlp: true });

it.each([
  ['hidden_act', { hidden_act: 'gelu' }, /hidden_act gelu contradicts hidden_activation gelu_pytorch_tanh/],
  ['sliding_window_size', { sliding_window_size: 6 }, /sliding_window_size 6 contradicts sliding_window 5/],
])('refuses a former setting, %s, that says another thing than its successor', (_, settings, message) => {
  const config = {
    model_type: 'gemma2',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 3,
    num_key_value_heads: 1,
    head_dim: 4,
    sliding_window: 5,
  };
  expect(createFamily(config, new Set()).config.embeddingScale).toBe(Math.sqrt(12));
  expect(() => createFamily({ ...config, ...settings }, new Set())).toThrow(ModelError);
  expect(() => createFamily({ ...config, ...settings }, new Set())).toThrow(message);
});
