/** GPT-NeoX against transformers: attention and MLP side by side, with part of a head turned; and one after the other, without biases, tied. */
import { expect, it } from 'vitest';
import { createFamily } from '../../../src/engine/families/registry.ts';
import { testFamily } from './suite.ts';

testFamily('gpt_neox');
testFamily('gpt_neox-sequential');

it('finds the unembedding under both of its names', () => {
  const config = {
    model_type: 'gpt_neox',
    vocab_size: 10,
    max_position_embeddings: 8,
    hidden_size: 24,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 3,
  };
  const unembedding = (names: string[]): string | undefined =>
    createFamily(config, new Set(names))
      .headWeights()
      .find(({ input }) => input === 'unembedding')?.tensor;
  expect(unembedding(['embed_out.weight'])).toBe('embed_out.weight');
  expect(unembedding(['lm_head.weight'])).toBe('lm_head.weight');
});
