/** Llama against transformers: with biases, grouped heads and Llama 3's rotary scaling; and tied, with linear scaling. */
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../src/engine/errors.ts';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('llama');
testFamily('llama-tied');

describe('configurations', () => {
  const good = {
    model_type: 'llama',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 12,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 3,
  };
  it.each([
    ['no layer count', { ...good, num_hidden_layers: undefined }, /num_hidden_layers/],
    [
      'heads that do not divide the width',
      { ...good, num_attention_heads: 5 },
      /hidden_size 12 .* num_attention_heads 5/,
    ],
    [
      'queries that do not share keys evenly',
      { ...good, num_key_value_heads: 2 },
      /num_attention_heads 3 .* num_key_value_heads 2/,
    ],
    ['heads of an odd size', { ...good, head_dim: 5 }, /size of a head.* 5/],
    ['an unknown activation', { ...good, hidden_act: 'mish' }, /hidden_act/],
    [
      'a rotary scaling that is not known',
      { ...good, rope_scaling: { type: 'yarn', factor: 2 } },
      /rope_scaling.*“yarn”/,
    ],
    [
      'a rotary scaling that lacks a field',
      { ...good, rope_parameters: { rope_type: 'llama3', rope_theta: 1e4, factor: 2 } },
      /rope_parameters of type “llama3” lacks low_freq_factor/,
    ],
  ])('%s is refused', (_, config, message) => {
    expect(() => createFamily(config, new Set())).toThrow(ModelError);
    expect(() => createFamily(config, new Set())).toThrow(message);
  });

  it('takes a head of its own over one that the config calls tied', () => {
    const unembedding = (tied: boolean, names: string[]): string | undefined =>
      createFamily({ ...good, tie_word_embeddings: tied }, new Set(names))
        .headWeights()
        .find(({ input }) => input === 'unembedding')?.tensor;
    expect(unembedding(true, [])).toBe('model.embed_tokens.weight');
    expect(unembedding(true, ['lm_head.weight'])).toBe('lm_head.weight');
    expect(unembedding(false, [])).toBe('lm_head.weight');
  });
});
