/** The layers that a trace speaks for: where a fact is carried by the subject's last token, and through its MLPs. */
import { largest } from '../extent.ts';

export interface LayerBand {
  readonly layers: number[];
  /** One sentence with the numbers. */
  readonly reason: string;
}

/** Of the largest difference: what a layer beside it must have to be in the band. */
const BAND_SHARE = 0.5;
/** Probability that severing must take away somewhere: less is no sign of any layer. */
const LEAST_FALL = 0.01;

/**
 * The layers around the one where the effect of restoring the subject's last token falls most when its MLPs are severed: those next to
 * it that keep half of that fall. A state there brings the answer back, and does so through the MLPs above it.
 * @param intact indirect effect per layer at the last subject token, probabilities 0 … 1
 * @param severed the same with all MLP outputs at that token kept at their corrupted values
 * @param noise per layer, how much of the difference chance may be (half of its 95 % interval); absent where it is not known
 * @returns null where severing takes away less than a point, or less than chance may
 */
export function proposeBand(
  intact: readonly number[],
  severed: readonly number[],
  noise?: readonly number[],
): LayerBand | null {
  const fall = intact.map((effect, layer) => effect - severed[layer]);
  const peak = fall.indexOf(largest(fall));
  if (!(fall[peak] >= Math.max(LEAST_FALL, noise?.[peak] ?? 0))) return null;
  const enough = (layer: number): boolean => fall[layer] >= BAND_SHARE * fall[peak];
  let first = peak;
  let last = peak;
  while (first > 0 && enough(first - 1)) first -= 1;
  while (last < fall.length - 1 && enough(last + 1)) last += 1;
  const layers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const where = first === last ? `layer ${first}` : `layers ${first}–${last}`;
  // Without the sign of a zero.
  const points = (value: number): string => `${(Math.round(1000 * value) / 10 + 0).toFixed(1)} points`;
  return {
    layers,
    reason:
      `Restoring the last subject token at layer ${peak} brings back ${points(intact[peak])} of the answer’s probability, ` +
      `with its MLPs severed ${points(severed[peak])}; ` +
      (first === last
        ? `no layer beside it keeps half of that difference of ${points(fall[peak])}, so ${where} is proposed.`
        : `${where} keep at least half of that difference of ${points(fall[peak])}.`),
  };
}
