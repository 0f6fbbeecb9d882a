/**
 * Sweeps: the same records edited with one setting varied, or more and more of them, each time from the model as it came, and measured after
 * it (as Meng et al. 2023 do for layers and numbers of edits, section 5). Nothing is left on the stack.
 */
import { EngineError } from '../errors.ts';
import { assess } from '../evaluation/assessment.ts';
import { requestOf } from '../evaluation/benchmark.ts';
import { DamageMeter, drawDamageSample, type Damage } from '../evaluation/damage.ts';
import { fitRecords, type LeftOut } from '../evaluation/fitting.ts';
import { metricsOf, type EvaluationMetrics } from '../evaluation/metrics.ts';
import type { EvaluationRecord } from '../evaluation/records.ts';
import { checkpoint, type Job } from '../job.ts';
import { methodOf } from '../methods/registry.ts';
import { runReportSchema } from '../methods/report.ts';
import { settingFields } from '../methods/setting-fields.ts';
import { validateSettings } from '../methods/method.ts';
import { applyPatches } from '../patches/apply.ts';
import type { MethodSettings } from '../patches/patch.ts';
import { contextsOf, type BenchmarkRun } from './benchmark.ts';
import { runEdit } from './editing.ts';
import type { ModelSession } from './session.ts';

/** What is varied: the value of a setting, or how many of the records are edited. */
export type SweepAxis =
  | { readonly kind: 'setting'; readonly name: string; readonly values: readonly (number | readonly number[])[] }
  | { readonly kind: 'edits'; readonly values: readonly number[] };

export interface SweepPlan {
  readonly records: readonly EvaluationRecord[];
  readonly axis: SweepAxis;
  readonly edit: Omit<NonNullable<BenchmarkRun['edit']>, 'unedited'>;
  /** Facts asked for damage; 0 leaves it out. */
  readonly damageFacts: number;
  /** Of the draw of these facts. */
  readonly seed: number;
}

export interface SweepPoint {
  readonly value: number | readonly number[];
  readonly edits: number;
  readonly settings: MethodSettings;
  readonly metrics: EvaluationMetrics;
  /** Null where it was left out, or there was nothing to ask. */
  readonly damage: Pick<Damage, 'kept' | 'keptOverall' | 'perplexity' | 'divergence'> | null;
  /** Of the run, without what was measured. */
  readonly seconds: number;
}

export interface SweepResult {
  readonly method: string;
  readonly axis: SweepAxis['kind'];
  /** The varied setting; null where the number of edits is. */
  readonly setting: string | null;
  readonly records: number;
  readonly leftOut: readonly LeftOut[];
  /** Of the unedited model on all records. */
  readonly before: EvaluationMetrics;
  readonly perplexityBefore: number | null;
  readonly points: SweepPoint[];
}

export type SweepStage =
  | { readonly kind: 'ask'; readonly point: number | null }
  | { readonly kind: 'edit'; readonly point: number; readonly phase: string }
  | { readonly kind: 'damage'; readonly point: number | null };

export interface SweepProgress {
  readonly onProgress?: (stage: SweepStage, done: number, total: number) => void;
  /** A point is measured; those before stay whatever becomes of the rest. */
  readonly onPoint?: (result: SweepResult) => void;
}

/**
 * @throws EngineError ('input') for an unknown setting, a value out of its bounds or a number of edits beyond the records, before anything
 *   runs; what runs throw; CancelledError
 */
export async function runSweep(
  session: ModelSession,
  { records: given, axis, edit, damageFacts, seed }: SweepPlan,
  job: Job = {},
  { onProgress, onPoint }: SweepProgress = {},
): Promise<SweepResult> {
  const { model, tokenizer } = session;
  const settingsOf = settingsAlong(session, axis, edit);
  const fitted = fitRecords(session, given, await contextsOf(session, edit, job));
  const { records, leftOut } = fitted;
  const countOf = (point: number): number => (axis.kind === 'edits' ? axis.values[point] : records.length);
  if (axis.kind === 'edits') assertCounts(axis.values, records.length);

  const before = await assess(session, model.weights, records, null, job, (_, done, total) => {
    onProgress?.({ kind: 'ask', point: null }, done, total);
  });
  const meter = damageFacts > 0 ? await openMeter(session, records, damageFacts, seed, job, onProgress) : null;
  const result: SweepResult = {
    method: edit.method,
    axis: axis.kind,
    setting: axis.kind === 'setting' ? axis.name : null,
    records: records.length,
    leftOut,
    before: metricsOf(before),
    perplexityBefore: meter?.perplexityBefore ?? null,
    points: [],
  };
  for (const [point, value] of axis.values.entries()) {
    await checkpoint(job);
    const edited = records.slice(0, countOf(point));
    const patch = await runEdit(session, edited.map(requestOf), settingsOf[point], {
      ...edit.options,
      method: edit.method,
      unedited: true,
      job,
      onEvent: (event) => {
        if (event.kind === 'phase') onProgress?.({ kind: 'edit', point, phase: event.phase }, event.done, event.total);
      },
    });
    const weights = await applyPatches(model, [patch]);
    try {
      const after = await assess({ model, tokenizer }, weights, edited, null, job, (_, done, total) => {
        onProgress?.({ kind: 'ask', point }, done, total);
      });
      onProgress?.({ kind: 'damage', point }, 0, 1);
      result.points.push({
        value,
        edits: edited.length,
        settings: patch.settings,
        metrics: metricsOf(after),
        damage: meter && (await meter.measure(weights, job)),
        seconds: Object.values(runReportSchema.parse(patch.report).seconds).reduce((sum, each) => sum + each, 0),
      });
    } finally {
      weights.dispose();
    }
    onPoint?.({ ...result, points: [...result.points] });
  }
  return result;
}

/** The settings of every point, all checked. */
function settingsAlong(
  session: ModelSession,
  axis: SweepAxis,
  { method: id, settings }: SweepPlan['edit'],
): MethodSettings[] {
  const method = methodOf(id, session.methods);
  if (axis.values.length === 0) throw new EngineError('input', 'A sweep needs at least one value.');
  if (axis.kind === 'edits') return axis.values.map(() => validateSettings(method, settings, session.model.config));
  const names = settingFields(method.settings).map(({ name }) => name);
  if (!names.includes(axis.name)) {
    throw new EngineError('input', `“${axis.name}” is no setting of ${id}.`, { next: `It has ${names.join(', ')}.` });
  }
  return axis.values.map((value) =>
    validateSettings(method, { ...settings, [axis.name]: value }, session.model.config),
  );
}

function assertCounts(counts: readonly number[], most: number): void {
  const bad = counts.find((count) => !Number.isInteger(count) || count < 1 || count > most);
  if (bad !== undefined) {
    throw new EngineError('input', `${bad} edits cannot be made of ${most} records.`, {
      next: `Give whole numbers from 1 to ${most}.`,
    });
  }
}

async function openMeter(
  { model, tokenizer, knowledge }: ModelSession,
  records: readonly EvaluationRecord[],
  count: number,
  seed: number,
  job: Job,
  onProgress: SweepProgress['onProgress'],
): Promise<DamageMeter | null> {
  const sentences = await knowledge.sentences(job.signal);
  const facts = await knowledge.known(job, (_, done, total) =>
    onProgress?.({ kind: 'damage', point: null }, done, total),
  );
  const sample = drawDamageSample(facts, records.map(requestOf), sentences, count, seed);
  if (sample.questions.length + sentences.length === 0) return null;
  return DamageMeter.open(model, tokenizer, model.weights, sample, job);
}
