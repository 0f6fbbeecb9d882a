/** MEMIT on SmolLM2-135M-Instruct against PyTorch, where MEMIT_REAL_MODEL names its folder. */
import { describe } from 'vitest';
import { golden, REAL_MODEL } from '../support.ts';
import { testParity, type MemitGolden } from '../methods/memit/parity.ts';
import { openRealModel } from './open.ts';

describe.skipIf(REAL_MODEL === undefined)('SmolLM2-135M', () => {
  const oracle = golden<MemitGolden>('smollm2-memit');

  testParity('SmolLM2', oracle, 'tests/reference/data/smollm2-requests.json', openRealModel);
});
