/** GPT-J against transformers: neighbours turned in part of a head, attention and MLP side by side after one norm, a bias on the logits. */
import { expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('gptj');

it.each([
  ['more than a head has', { rotary_dim: 6 }, /rotary_dim 6 is more than a head has, 4/],
  ['an odd part', { rotary_dim: 3 }, /rotary_dim/],
  ['nothing', { rotary_dim: 2, rotary: false }, /rotary/],
])('refuses to turn %s', (_, settings, message) => {
  const config = { model_type: 'gptj', vocab_size: 10, n_positions: 8, n_embd: 12, n_layer: 1, n_head: 3, ...settings };
  expect(() => createFamily(config, new Set())).toThrow(ModelError);
  expect(() => createFamily(config, new Set())).toThrow(message);
});
