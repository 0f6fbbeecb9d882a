/** The largest and the smallest of many numbers. `Math.max(...numbers)` takes them as arguments, of which an engine allows only so many. */

/** −∞ of none. */
export function largest(numbers: Iterable<number>): number {
  let most = -Infinity;
  for (const number of numbers) if (number > most) most = number;
  return most;
}

/** ∞ of none. */
export function smallest(numbers: Iterable<number>): number {
  let least = Infinity;
  for (const number of numbers) if (number < least) least = number;
  return least;
}
