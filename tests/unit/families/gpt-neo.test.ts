/** GPT-Neo against transformers: layers with a window and layers without, scores that are not scaled. */
import { expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('gpt_neo');

it.each([
  ['another number of layers', [[['global', 'local'], 2]], /attention_types makes 4 layers, num_layers 3/],
  ['another kind of attention', [[['sparse'], 3]], /attention_types/],
  ['other layers than attention_layers', [[['global'], 3]], /attention_layers contradicts attention_types/],
])('refuses attention types that make %s', (_, types, message) => {
  const config = {
    model_type: 'gpt_neo',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    num_layers: 3,
    num_heads: 3,
    attention_layers: ['local', 'local', 'local'],
    attention_types: types,
  };
  expect(() => createFamily(config, new Set())).toThrow(ModelError);
  expect(() => createFamily(config, new Set())).toThrow(message);
});
