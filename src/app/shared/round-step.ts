/** Steps of axes. Pure. */

/** The step of 1, 2 or 5 times a power of ten that divides `range` into about `count` parts, at most as many. */
export function roundStep(range: number, count: number): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}
