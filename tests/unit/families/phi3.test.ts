/** Phi-3 against transformers: fused projections, part of a head turned, a sliding window. */
import { testFamily } from './suite.ts';

testFamily('phi3');
