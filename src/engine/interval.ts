/** The 95 % intervals that go with means and with shares. */

/** Standard deviations on either side that hold 95 % of a normal distribution. */
const DEVIATIONS = 1.96;

/**
 * Half of the 95 % interval of a mean over n cases, 1.96·std/√n with the unbiased standard deviation; 0 for a single case.
 * @param squares Σ (x − mean)²
 */
export function halfInterval(squares: number, n: number): number {
  return n < 2 ? 0 : DEVIATIONS * Math.sqrt(squares / (n - 1) / n);
}

/**
 * Wilson's 95 % interval of a share (Wilson 1927; recommended for few cases by Brown, Cai and DasGupta 2001): within 0 … 1, and never of no width, as the
 * normal one is at 0 and 1. Of means of shares, n being what they are means over, it is on the safe side: no values within 0 … 1 vary more
 * than those that are 0 or 1.
 * @param share 0 … 1
 * @param n at least 1
 */
export function shareInterval(share: number, n: number): readonly [low: number, high: number] {
  const spread = DEVIATIONS ** 2 / n;
  const middle = (share + spread / 2) / (1 + spread);
  const half = (DEVIATIONS * Math.sqrt((share * (1 - share)) / n + spread / (4 * n))) / (1 + spread);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
