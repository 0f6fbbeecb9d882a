/** Traces of facts that the demo model knows, against the PyTorch oracle. */
import { describe } from 'vitest';
import { DEMO_MODEL, golden, openModel } from '../support.ts';
import { testTraceParity, type TraceGolden } from './parity.ts';

describe('the demo model', () => {
  testTraceParity('demo', golden<TraceGolden>('demo-trace'), () => openModel(DEMO_MODEL));
});
