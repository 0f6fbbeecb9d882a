/** Qwen2 against transformers: biases on queries, keys and values, and a sliding window in the upper layers. */
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('qwen2');

describe('layers with a window', () => {
  const config = {
    model_type: 'qwen2',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 4,
    num_attention_heads: 3,
    num_key_value_heads: 1,
    sliding_window: 5,
    max_window_layers: 3,
  };
  const windows = (settings: object): (number | null)[] =>
    createFamily({ ...config, ...settings }, new Set()).config.layerKinds.map(({ window }) => window);

  it('are those above max_window_layers, where windows are switched on', () => {
    expect(windows({})).toEqual([null, null, null, null]);
    expect(windows({ use_sliding_window: true })).toEqual([null, null, null, 5]);
  });

  it('are those that layer_types says', () => {
    const types = ['sliding', 'full', 'sliding', 'full'].map((type) => `${type}_attention`);
    expect(windows({ use_sliding_window: true, layer_types: types })).toEqual([5, null, 5, null]);
  });

  it.each([
    ['of a type that is not known', { layer_types: ['linear_attention'] }, /layer_types/],
    ['of another number', { layer_types: ['full_attention'] }, /layer_types names 1 layers, num_hidden_layers 4/],
    ['without a window', { layer_types: new Array(4).fill('sliding_attention') }, /no sliding_window is in use/],
  ])('%s are refused', (_, settings, message) => {
    expect(() => windows(settings)).toThrow(ModelError);
    expect(() => windows(settings)).toThrow(message);
  });
});
