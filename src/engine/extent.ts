/** The largest and the smallest of many numbers. `Math.max(...numbers)` takes them as arguments, of which an engine allows only so many. */

/** −∞ of none, NaN where one is. */
export function largest(numbers: Iterable<number>): number {
  let most = -Infinity;
  for (const number of numbers) most = Math.max(most, number);
  return most;
}

/** ∞ of none, NaN where one is. */
export function smallest(numbers: Iterable<number>): number {
  let least = Infinity;
  for (const number of numbers) least = Math.min(least, number);
  return least;
}
