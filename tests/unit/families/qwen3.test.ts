/** Qwen3 against transformers: norms of queries and keys, biases, layer types, heads wider than their share of the hidden state. */
import { testFamily } from './suite.ts';

testFamily('qwen3');
