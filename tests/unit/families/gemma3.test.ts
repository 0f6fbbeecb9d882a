/** Gemma 3 against transformers: norms of queries and keys, windows with a rotary base of their own, linear scaling in the other layers. */
import { expect, it } from 'vitest';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('gemma3_text', { normAfterMlp: true });

it('sees everything in every sixth layer where the config does not say, and turns by its own bases', () => {
  const config = {
    model_type: 'gemma3_text',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 7,
    num_attention_heads: 3,
    num_key_value_heads: 1,
    head_dim: 4,
    sliding_window: 5,
  };
  const { layerKinds } = createFamily(config, new Set()).config;
  expect(layerKinds.map(({ window }) => window)).toEqual([5, 5, 5, 5, 5, null, 5]);
  expect(layerKinds[0].rotary!.frequencies[1]).toBeCloseTo(1e4 ** -0.5);
  expect(layerKinds[5].rotary!.frequencies[1]).toBeCloseTo(1e6 ** -0.5);
});
