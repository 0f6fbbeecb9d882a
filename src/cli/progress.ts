/** Progress on standard error. */

let shownPhase = '';

/** One line per phase, rewritten in place on a terminal. */
export function showPhase(phase: string, done: number, total: number, detail: string): void {
  if (!process.stderr.isTTY) {
    if (shownPhase !== phase) process.stderr.write(`${phase} …\n`);
    shownPhase = phase;
    return;
  }
  const share = Math.round((100 * done) / Math.max(1, total));
  process.stderr.write(`\r\x1b[K${phase} ${share} % ${detail}${done >= total ? '\n' : ''}`);
}

export function showCount(phase: string, done: number, total: number): void {
  showPhase(phase, done, total, `${done} of ${total}`);
}
