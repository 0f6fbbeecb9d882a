/** Intervals of shares: those of a table, within 0 … 1, and of some width everywhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareInterval } from '../../src/engine/interval.ts';

describe('the interval of a share', () => {
  // statsmodels 0.14, proportion_confint(count, n, alpha = 0.05, method = 'wilson').
  it.each([
    [0, 10, 0, 0.277533],
    [10, 10, 0.722467, 1],
    [1, 2, 0.094531, 0.905469],
    [7, 9, 0.452587, 0.936818],
    [93, 100, 0.862514, 0.965669],
  ])('of %i of %i', (count, n, low, high) => {
    const [from, to] = shareInterval(count / n, n);
    expect(from).toBeCloseTo(low, 4);
    expect(to).toBeCloseTo(high, 4);
  });

  it('holds the share, lies within 0 … 1, narrows with n, and mirrors', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 1e6 }), (share, n) => {
        const [low, high] = shareInterval(share, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(share + 1e-12);
        expect(high).toBeGreaterThanOrEqual(share - 1e-12);
        expect(high - low).toBeGreaterThan(0);
        const [nearer, nearerHigh] = shareInterval(share, 4 * n);
        expect(nearerHigh - nearer).toBeLessThan(high - low);
        const [mirrored] = shareInterval(1 - share, n);
        expect(mirrored).toBeCloseTo(1 - high, 9);
      }),
    );
  });
});
