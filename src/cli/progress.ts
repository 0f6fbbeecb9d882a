/** Progress on standard error. */
import type { ModelDownloadProgress } from '../engine/sources/hub/download-model.ts';

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

/** Bytes, per cent and time left of a download. */
export function showDownload({ stage, file, loaded, total, secondsLeft, reason }: ModelDownloadProgress): void {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const left = secondsLeft === null ? '' : `, ${Math.ceil(secondsLeft)} s left`;
  const detail = stage === 'Waiting' ? reason : `${file}, ${megabytes(loaded)} of ${megabytes(total)}${left}`;
  showPhase('Downloading', loaded, total, detail);
}
