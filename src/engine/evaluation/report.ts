/** The outcome of an evaluation: what records were asked, before and after, and the form in which the reference keeps that. */
import type { Assessment } from './assessment.ts';
import { type Metric, metricsOf, rightAndOther } from './metrics.ts';
import { type EvaluationRecord, PROMPT_GROUPS } from './records.ts';

export interface Evaluation {
  readonly model: string;
  readonly modelHash: string;
  /** Names of the patches in force afterwards. */
  readonly patches: readonly string[];
  readonly records: readonly EvaluationRecord[];
  readonly before: Assessment;
  /** Null where nothing was changed. */
  readonly after: Assessment | null;
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
      pre: caseOf(before, i),
      ...(after && { post: caseOf(after, i) }),
    })),
  };
}

/** Per cent, as the reference's summaries are: [mean, half of the 95 % interval] by its names. */
function summaryOf(assessment: Assessment): object {
  const { groups, texts, score } = metricsOf(assessment);
  const percent = ({ mean, interval }: Metric): [number, number] => [round(100 * mean), round(100 * interval)];
  const entries = PROMPT_GROUPS.flatMap((group): [string, [number, number]][] => {
    const metrics = groups[group];
    if (!metrics) return [];
    const { success, magnitude, accuracy, tokenAccuracy } = metrics;
    if (!success || !magnitude) return [[`${group}_acc`, percent(tokenAccuracy)]];
    return [
      [`${group}_success`, percent(success)],
      [`${group}_diff`, percent(magnitude)],
      [`${group}_acc`, percent(accuracy)],
    ];
  });
  const written = {
    ...(texts && { ngram_entropy: percent(texts.fluency) }),
    ...(texts?.consistency && { reference_score: percent(texts.consistency) }),
  };
  return { ...Object.fromEntries(entries), ...written, score: score === null ? null : round(100 * score) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Losses and one flag a prompt where there are two objects; else one flag a token, as the reference has it for zsRE. */
function caseOf({ losses, texts }: Assessment, index: number): object {
  const entries = PROMPT_GROUPS.flatMap((group): [string, unknown][] => {
    const prompts = losses[index][group];
    const compared = prompts.every((prompt) => rightAndOther(group, prompt) !== null);
    if (!compared) return [[`${group}_prompts_correct`, prompts.flatMap(({ correct }) => correct)]];
    return [
      [
        `${group}_prompts_probs`,
        prompts.map(({ targetNew, targetTrue }) => ({ target_new: targetNew, target_true: targetTrue })),
      ],
      [`${group}_prompts_correct`, prompts.map(({ correct }) => correct.every(Boolean))],
    ];
  });
  const { texts: text, fluency = null, consistency = null } = texts?.[index] ?? {};
  return {
    ...Object.fromEntries(entries),
    ...(fluency !== null && { text, ngram_entropy: fluency }),
    ...(consistency !== null && { reference_score: consistency }),
  };
}
