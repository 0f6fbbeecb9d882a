/** Mistral against transformers: a sliding window in every layer, heads wider than their share of the hidden state. */
import { expect, it } from 'vitest';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('mistral');

it('has a window of 4,096 tokens where the config does not say, and none where it says null', () => {
  const config = {
    model_type: 'mistral',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 3,
    num_key_value_heads: 1,
  };
  const windowOf = (settings: object): number | null =>
    createFamily({ ...config, ...settings }, new Set()).config.layerKinds[0].window;
  expect(windowOf({})).toBe(4096);
  expect(windowOf({ sliding_window: null })).toBeNull();
});
