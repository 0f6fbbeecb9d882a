/** The outcome of an evaluation: what records were asked, before and after, and the form in which the reference keeps that. */
import type { Assessment } from './assessment.ts';
import type { LeftOut } from './fitting.ts';
import { type Metric, metricsOf, rightAndOther } from './metrics.ts';
import { type EvaluationRecord, PROMPT_GROUPS } from './records.ts';

export interface Evaluation {
  readonly model: string;
  readonly modelHash: string;
  /** Names of the patches in force afterwards. */
  readonly patches: readonly string[];
  /** How many edits those are. */
  readonly edits: number;
  readonly records: readonly EvaluationRecord[];
  /** What was not asked of the records that were given. */
  readonly leftOut: readonly LeftOut[];
  readonly before: Assessment;
  /** Null where nothing was changed. */
  readonly after: Assessment | null;
}

/** Summary and cases with the names of the reference's result files (experiments/evaluate.py, summarize.py). */
export function referenceForm(evaluation: Evaluation): object {
  const { model, modelHash, patches, edits, records, leftOut, before, after } = evaluation;
  return {
    model,
    model_hash: modelHash,
    patches,
    num_edits: edits,
    left_out: leftOut.map(({ caseId, reason }) => ({ case_id: caseId, reason })),
    summary: { pre: summaryOf(before), ...(after && { post: summaryOf(after) }) },
    intervals: { pre: intervalsOf(before), ...(after && { post: intervalsOf(after) }) },
    cases: records.map((_, i) => caseForm(evaluation, i)),
  };
}

/**
 * The same as the reference keeps it, a file a case in a folder for its summarize.py. It wants whole numbers for cases: their places stand for them
 * where they are none, or not each of its own.
 */
export function caseFiles(evaluation: Evaluation): { name: string; content: string }[] {
  const ids = evaluation.records.map((record) => record.case_id);
  const usable = ids.every((id) => typeof id === 'number' && Number.isInteger(id)) && new Set(ids).size === ids.length;
  return ids.map((id, i) => ({
    name: `${evaluation.edits}_edits-case_${usable ? id : i}.json`,
    content: `${JSON.stringify({ num_edits: evaluation.edits, ...caseForm(evaluation, i) }, null, 1)}\n`,
  }));
}

function caseForm({ records, before, after }: Evaluation, index: number): object {
  return {
    case_id: records[index].case_id,
    requested_rewrite: records[index].requested_rewrite,
    pre: caseOf(before, index),
    ...(after && { post: caseOf(after, index) }),
  };
}

/** Per cent, as the reference's summaries are: [mean, half of the 95 % interval] by its names, which are those of a normal distribution. */
function summaryOf(assessment: Assessment): object {
  const { metrics, score } = namedMetrics(assessment);
  const pairs = metrics.map(([name, { mean, interval }]) => [name, percents(mean, interval)]);
  return Object.fromEntries([...pairs, ['score', score && percents(score.mean)[0]]]) as object;
}

/** Per cent: [low, high] of the 95 % intervals, of shares Wilson's, by the same names. */
function intervalsOf(assessment: Assessment): object {
  const { metrics, score } = namedMetrics(assessment);
  const named = [...metrics, ...(score ? [['score', score] as const] : [])];
  return Object.fromEntries(named.map(([name, { low, high }]) => [name, percents(low, high)]));
}

/** By the reference's names, those that there are; and S. */
function namedMetrics(assessment: Assessment): { metrics: (readonly [string, Metric])[]; score: Metric | null } {
  const { groups, texts, score } = metricsOf(assessment);
  const entries = PROMPT_GROUPS.flatMap((group): [string, Metric][] => {
    const metrics = groups[group];
    if (!metrics) return [];
    const { success, magnitude, accuracy, tokenAccuracy } = metrics;
    if (!success || !magnitude) return [[`${group}_acc`, tokenAccuracy]];
    return [
      [`${group}_success`, success],
      [`${group}_diff`, magnitude],
      [`${group}_acc`, accuracy],
    ];
  });
  const metrics = [
    ...entries,
    ...(texts ? [['ngram_entropy', texts.fluency] as const] : []),
    ...(texts?.consistency ? [['reference_score', texts.consistency] as const] : []),
  ];
  return { metrics, score };
}

function percents(...shares: number[]): number[] {
  return shares.map((share) => round(100 * share));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Losses and one flag a prompt where there are two objects; else one flag a token, as the reference has it for zsRE. */
function caseOf({ losses, texts }: Assessment, index: number): object {
  const entries = PROMPT_GROUPS.flatMap((group): [string, unknown][] => {
    const prompts = losses[index][group];
    // The reference takes means of what is there: of nothing, they are no numbers.
    if (prompts.length === 0) return [];
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
