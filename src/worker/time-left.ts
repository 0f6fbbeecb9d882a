/** Time left of a job with several phases. */

/** Of the work that was left when a phase was first told of, the share that is too noisy to go by. */
const NOISY = 0.01;

/**
 * Seconds from the pace since the phase was first told of: what was there by then, from an earlier run say, took no time of this one.
 * @param now in ms; a clock that stands still while the job is held
 */
export function estimator(
  now = (): number => performance.now(),
): (phase: string, done: number, total: number) => number | null {
  const starts = new Map<string, { readonly at: number; readonly done: number }>();
  return (phase, done, total) => {
    const at = now();
    const start = starts.get(phase) ?? { at, done };
    starts.set(phase, start);
    if (done >= total) return 0;
    const made = done - start.done;
    if (made <= NOISY * (total - start.done)) return null;
    return ((at - start.at) / 1000) * ((total - done) / made);
  };
}
