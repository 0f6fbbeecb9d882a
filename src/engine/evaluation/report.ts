/** The outcome of an evaluation: what records were asked, before and after, and the form in which the reference keeps that. */
import { PROMPT_GROUPS, type RecordLosses } from './counterfact.ts';
import { type Metric, metricsOf } from './metrics.ts';
import type { CounterFactRecord } from './records.ts';

export interface Evaluation {
  readonly model: string;
  readonly modelHash: string;
  /** Names of the patches in force afterwards. */
  readonly patches: readonly string[];
  readonly records: readonly CounterFactRecord[];
  readonly before: readonly RecordLosses[];
  /** Null where nothing was changed. */
  readonly after: readonly RecordLosses[] | null;
}

/** JSON with the names and the per-case entries of the reference's result files (experiments/evaluate.py, summarize.py). */
export function referenceForm({ model, modelHash, patches, records, before, after }: Evaluation): object {
  return {
    model,
    model_hash: modelHash,
    patches,
    summary: { pre: summaryOf(before), ...(after && { post: summaryOf(after) }) },
    cases: records.map((record, i) => ({
      case_id: record.case_id,
      requested_rewrite: record.requested_rewrite,
      pre: caseOf(before[i]),
      ...(after && { post: caseOf(after[i]) }),
    })),
  };
}

/** Per cent, as the reference's summaries are: [mean, half of the 95 % interval] by its names. */
function summaryOf(losses: readonly RecordLosses[]): object {
  const { groups, score } = metricsOf(losses);
  const percent = ({ mean, interval }: Metric): [number, number] => [round(100 * mean), round(100 * interval)];
  const entries = PROMPT_GROUPS.flatMap((group): [string, [number, number]][] => {
    const metrics = groups[group];
    if (!metrics) return [];
    return [
      [`${group}_success`, percent(metrics.success)],
      [`${group}_diff`, percent(metrics.magnitude)],
      [`${group}_acc`, percent(metrics.accuracy)],
    ];
  });
  return { ...Object.fromEntries(entries), score: score === null ? null : round(100 * score) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function caseOf(losses: RecordLosses): object {
  const entries = PROMPT_GROUPS.flatMap((group): [string, unknown][] => [
    [
      `${group}_prompts_probs`,
      losses[group].map(({ targetNew, targetTrue }) => ({ target_new: targetNew, target_true: targetTrue })),
    ],
    [`${group}_prompts_correct`, losses[group].map(({ correct }) => correct)],
  ]);
  return Object.fromEntries(entries);
}
