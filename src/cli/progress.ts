/** Progress on standard error. */
import type { RunReport } from '../engine/methods/report.ts';
import type { ModelNeeds } from '../engine/model/needs.ts';
import type { Device } from '../engine/runtime/device.ts';
import type { ModelDownloadProgress } from '../engine/sources/hub/download-model.ts';

let shownPhase = '';
let shownAt = 0;

/** Between two lines of a phase where lines cannot be rewritten, in ms. */
const LINE_EVERY = 10_000;

/** One line per phase, rewritten in place on a terminal; elsewhere one at its beginning, and another now and then. */
export function showPhase(phase: string, done: number, total: number, detail: string): void {
  const share = Math.round((100 * done) / Math.max(1, total));
  if (!process.stderr.isTTY) {
    const now = performance.now();
    if (shownPhase !== phase) process.stderr.write(`${phase} …\n`);
    else if (now - shownAt > LINE_EVERY) process.stderr.write(`${phase} ${share} % ${detail}\n`);
    else return;
    shownPhase = phase;
    shownAt = now;
    return;
  }
  process.stderr.write(`\r\x1b[K${phase} ${share} % ${detail}${done >= total ? '\n' : ''}`);
}

/** That a run went on from targets which an earlier one had found. */
export function showKeptTargets({ keptTargets }: Pick<RunReport, 'keptTargets'>, edits: number): void {
  if (keptTargets === 0) return;
  process.stderr.write(
    `Of ${edits} ${edits === 1 ? 'target' : 'targets'} an earlier run had found ${keptTargets}; --fresh searches them all.\n`,
  );
}

/** A line of its own. */
export function showNote(note: string): void {
  process.stderr.write(`${note}\n`);
}

export function showCount(phase: string, done: number, total: number): void {
  showPhase(phase, done, total, `${done} of ${total}`);
}

/** Bytes of weights that are worth a word. */
const MANY_BYTES = 1e9;

/** What a large model is about to take, and whether this machine has that much. */
export function showNeeds({ weightBytes }: ModelNeeds, device: Device['kind']): void {
  const free = process.availableMemory();
  const tooMany = device === 'cpu' && weightBytes > free;
  if (weightBytes < MANY_BYTES && !tooMany) return;
  const where = device === 'gpu' ? 'of the GPU’s memory' : 'of memory';
  const less = tooMany ? `; only ${megabytes(free)} are free now: close other programs, or use a smaller model` : '';
  process.stderr.write(`The model’s weights take ${megabytes(weightBytes)} ${where}${less}.\n`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Bytes, per cent and time left of a download. */
export function showDownload({ stage, file, loaded, total, secondsLeft, reason }: ModelDownloadProgress): void {
  const left = secondsLeft === null ? '' : `, ${Math.ceil(secondsLeft)} s left`;
  const detail = stage === 'Waiting' ? reason : `${file}, ${megabytes(loaded)} of ${megabytes(total)}${left}`;
  showPhase('Downloading', loaded, total, detail);
}
