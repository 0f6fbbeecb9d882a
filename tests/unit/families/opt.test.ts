/** OPT against transformers: positions from the third row on, ReLU; and without biases, with Gelu and a head of its own. */
import { expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('opt');
testFamily('opt-unbiased');

it.each([
  ['norms after attention and the MLP', { do_layer_norm_before: false }, /do_layer_norm_before false \(OPT-350M\)/],
  ['a token table of another width', { word_embed_proj_dim: 6 }, /word_embed_proj_dim/],
  ['no norm at the end', { _remove_final_layer_norm: true }, /_remove_final_layer_norm/],
  ['norms without weights', { layer_norm_elementwise_affine: false }, /layer_norm_elementwise_affine/],
])('refuses %s', (_, settings, message) => {
  const config = {
    model_type: 'opt',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    ffn_dim: 16,
    num_hidden_layers: 1,
    num_attention_heads: 3,
    ...settings,
  };
  expect(() => createFamily(config, new Set())).toThrow(ModelError);
  expect(() => createFamily(config, new Set())).toThrow(message);
});
