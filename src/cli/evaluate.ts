/** Evaluation from the command line, before and after patches or a run. */
import type { Patch } from '../engine/editing/patch.ts';
import type { MemitSettings } from '../engine/editing/settings.ts';
import { assess, type Assessment } from '../engine/evaluation/assessment.ts';
import { requestOf } from '../engine/evaluation/benchmark.ts';
import type { GenerationOptions } from '../engine/evaluation/generation.ts';
import type { EvaluationRecord } from '../engine/evaluation/records.ts';
import { referenceForm } from '../engine/evaluation/report.ts';
import type { Workbench } from '../engine/workbench.ts';

type OnProgress = (phase: string, done: number, total: number) => void;

/** The records asked of the model as it came, and with `patches` on it where there are any. */
export async function evaluatePatches(
  bench: Workbench,
  records: readonly EvaluationRecord[],
  patches: readonly Patch[],
  generation: GenerationOptions | null,
  onProgress: OnProgress,
): Promise<object> {
  const ask = async (phase: string): Promise<Assessment> =>
    assess(bench, await bench.weights(), records, generation, {}, (part, done, total) => {
      onProgress(part === 'texts' ? `${phase}, texts` : phase, done, total);
    });
  const before = await ask('before');
  for (const patch of patches) {
    bench.assertFits(patch);
    bench.stack.push(patch);
  }
  const after = patches.length === 0 ? null : await ask('after');
  const names = patches.map(({ name }) => name);
  return referenceForm({ model: bench.name, modelHash: bench.hash, patches: names, records, before, after });
}

/** Writes all records' new objects in one run, and asks before and after. */
export async function benchmark(
  bench: Workbench,
  records: readonly EvaluationRecord[],
  settings: MemitSettings,
  generation: GenerationOptions | null,
  onProgress: OnProgress,
): Promise<object> {
  const patch = await bench.edit(records.map(requestOf), settings, { progress: { onPhase: onProgress } });
  const result = await evaluatePatches(bench, records, [patch], generation, onProgress);
  return { settings: patch.settings, contexts: patch.contexts, num_edits: records.length, ...result };
}
