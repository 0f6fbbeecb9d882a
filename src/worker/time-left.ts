/** Time left of a job with several phases. */

/** Seconds from the share of the phase that is done; the first hundredth is too noisy to go by. */
export function estimator(): (phase: string, done: number, total: number) => number | null {
  const starts = new Map<string, number>();
  return (phase, done, total) => {
    const now = performance.now();
    const start = starts.get(phase) ?? now;
    starts.set(phase, start);
    const share = done / total;
    if (share >= 1) return 0;
    return share > 0.01 ? ((now - start) / 1000) * (1 / share - 1) : null;
  };
}
