/** Traces of a random model whose every part counts, against the PyTorch oracle. */
import { describe, expect, it } from 'vitest';
import { numpyGaussian } from '../../../src/engine/tracing/noise.ts';
import { golden } from '../support.ts';
import { openTiny } from '../tiny.ts';
import { testTraceParity, type TraceGolden } from './parity.ts';

const oracle = golden<TraceGolden>('tiny-trace');

describe('the noise', () => {
  it('is what NumPy draws with RandomState(1), to the last digit but two', () => {
    const { first, at, then } = oracle.gaussian;
    const gaussian = numpyGaussian(1);
    const drawn = Array.from({ length: at + then.length }, gaussian);
    const expected = [...first, ...then];
    [...drawn.slice(0, first.length), ...drawn.slice(at)].forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-14);
    });
  });
});

describe('the tiny model', () => {
  testTraceParity('tiny-gpt2', oracle, () => openTiny());
});
