/** Evaluation from the command line, before and after patches or a run. */
import type { Patch } from '../engine/patches/patch.ts';
import type { MemitSettings } from '../engine/methods/memit/settings.ts';
import { assess, type Assessment } from '../engine/evaluation/assessment.ts';
import { requestOf } from '../engine/evaluation/benchmark.ts';
import type { FittedRecords } from '../engine/evaluation/fitting.ts';
import type { GenerationOptions } from '../engine/evaluation/generation.ts';
import type { Evaluation } from '../engine/evaluation/report.ts';
import type { Workbench } from '../engine/session/workbench.ts';

type OnProgress = (phase: string, done: number, total: number) => void;

/** The records asked of the model as it came, and with `patches` on it where there are any. */
export async function evaluatePatches(
  bench: Workbench,
  { records, leftOut }: FittedRecords,
  patches: readonly Patch[],
  generation: GenerationOptions | null,
  onProgress: OnProgress,
): Promise<Evaluation> {
  const ask = async (phase: string): Promise<Assessment> =>
    assess(bench, await bench.weights(), records, generation, {}, (part, done, total) => {
      onProgress(part === 'texts' ? `${phase}, texts` : phase, done, total);
    });
  const before = await ask('before');
  for (const patch of patches) bench.add(patch);
  const after = patches.length === 0 ? null : await ask('after');
  return {
    model: bench.name,
    modelHash: bench.hash,
    patches: patches.map(({ name }) => name),
    edits: patches.reduce((sum, { requests }) => sum + requests.length, 0),
    records,
    leftOut,
    before,
    after,
  };
}

/** Writes all records' new objects in one run, and asks before and after. */
export async function benchmark(
  bench: Workbench,
  fitted: FittedRecords,
  settings: MemitSettings,
  generation: GenerationOptions | null,
  onProgress: OnProgress,
): Promise<{ patch: Patch; evaluation: Evaluation }> {
  const patch = await bench.edit(fitted.records.map(requestOf), settings, { progress: { onPhase: onProgress } });
  return { patch, evaluation: await evaluatePatches(bench, fitted, [patch], generation, onProgress) };
}
