/** A benchmark: records asked before and after, with their new objects written in between where that is wanted. */
import { assess, type Assessment, type AssessmentPart } from '../evaluation/assessment.ts';
import { requestOf } from '../evaluation/benchmark.ts';
import { fitRecords, type FittedRecords } from '../evaluation/fitting.ts';
import type { GenerationOptions } from '../evaluation/generation.ts';
import type { EvaluationRecord } from '../evaluation/records.ts';
import type { Evaluation } from '../evaluation/report.ts';
import type { Job } from '../job.ts';
import { methodOf } from '../methods/registry.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { MethodSettings, Patch } from '../patches/patch.ts';
import { validateContexts } from '../targets/contexts.ts';
import { type EditOptions, runEdit } from './editing.ts';
import type { ModelSession } from './session.ts';

export interface BenchmarkRun {
  readonly records: readonly EvaluationRecord[];
  /** How all their new objects are written, in one run; null to ask only. */
  readonly edit: {
    /** Id of the method. */
    readonly method: string;
    readonly settings: MethodSettings;
    /** From the model as it came; the patches that were on are switched off. */
    readonly unedited: boolean;
    readonly options?: Pick<EditOptions, 'contexts' | 'statisticsTokens' | 'fresh'>;
  } | null;
  /** What texts are to be written; null for none. */
  readonly generation: GenerationOptions | null;
}

export type BenchmarkStage =
  | { readonly kind: 'ask'; readonly model: 'unedited' | 'edited'; readonly part: AssessmentPart }
  /** `phase` is the method's, or one that comes before it. */
  | { readonly kind: 'edit'; readonly phase: string };

export interface BenchmarkProgress {
  readonly onProgress?: (stage: BenchmarkStage, done: number, total: number) => void;
  /** Before anything is asked: what of the records is left out. */
  readonly onFitted?: (fitted: FittedRecords) => void;
  /** The patch is on the stack; what comes after may still fail or be cancelled. */
  readonly onPatch?: (patch: Patch) => Promise<void>;
}

/**
 * Asks the unedited model, edits where that is wanted, and asks the model with the enabled patches, if there are any.
 * @throws EngineError ('input') when no record can be asked; what {@link runEdit} throws; CancelledError
 */
export async function runBenchmark(
  session: ModelSession,
  { records: given, edit, generation }: BenchmarkRun,
  job: Job = {},
  { onProgress, onFitted, onPatch }: BenchmarkProgress = {},
): Promise<{ evaluation: Evaluation; patch: Patch | null }> {
  const fitted = fitRecords(session, given, edit && (await contextsOf(session, edit, job)));
  onFitted?.(fitted);
  const { records, leftOut } = fitted;
  const ask = (weights: WeightSet, model: 'unedited' | 'edited'): Promise<Assessment> =>
    assess(session, weights, records, generation, job, (part, done, total) => {
      onProgress?.({ kind: 'ask', model, part }, done, total);
    });
  const before = await ask(session.model.weights, 'unedited');
  let patch: Patch | null = null;
  if (edit) {
    const { method, settings, unedited, options } = edit;
    patch = await runEdit(session, records.map(requestOf), settings, {
      method,
      unedited,
      ...options,
      job,
      onEvent: (event) => {
        if (event.kind === 'phase') onProgress?.({ kind: 'edit', phase: event.phase }, event.done, event.total);
      },
    });
    session.stack.push(patch, { alone: unedited });
    await onPatch?.(patch);
  }
  const enabled = session.stack.entries.filter((entry) => entry.enabled);
  const after = enabled.length === 0 ? null : await ask(await session.weights(), 'edited');
  const evaluation = {
    model: session.name,
    modelHash: session.hash,
    patches: enabled.map(({ name }) => name),
    edits: enabled.reduce((sum, entry) => sum + entry.patch.requests.length, 0),
    records,
    leftOut,
    before,
    after,
  };
  return { evaluation, patch };
}

/** The templates that the run will put before the prompts; null where its method uses none. */
export async function contextsOf(
  session: ModelSession,
  { method, settings, options }: Omit<NonNullable<BenchmarkRun['edit']>, 'unedited'>,
  job: Job,
): Promise<readonly string[] | null> {
  const { contextSeed } = methodOf(method, session.methods).needs(settings);
  if (contextSeed === null) return null;
  return options?.contexts ? validateContexts(options.contexts) : session.contexts(contextSeed, job.signal);
}
