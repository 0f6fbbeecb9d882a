/** The interval that goes with a mean. */

/**
 * Half of the 95 % interval of a mean over n cases, 1.96·std/√n with the unbiased standard deviation; 0 for a single case.
 * @param squares Σ (x − mean)²
 */
export function halfInterval(squares: number, n: number): number {
  return n < 2 ? 0 : 1.96 * Math.sqrt(squares / (n - 1) / n);
}
