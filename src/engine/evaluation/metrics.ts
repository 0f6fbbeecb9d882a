/** CounterFact's metrics over many records (algorithm, section 8; reference: experiments/summarize.py). */
import { PROMPT_GROUPS, type PromptGroup, type PromptLosses, type RecordLosses } from './counterfact.ts';

/** A mean over records, with half of its 95 % interval, 1.96·std/√n; shares and probabilities are 0 … 1. */
export interface Metric {
  readonly mean: number;
  readonly interval: number;
  /** Records that have such prompts. */
  readonly records: number;
}

/** Of one group of prompts. */
export interface GroupMetrics {
  /** ES, PS, NS: the right object is the more probable one. */
  readonly success: Metric;
  /** EM, PM, NM: by how much probability, exp(−loss) of the right object less that of the other. */
  readonly magnitude: Metric;
  /** EA, PA, NA: every token of the right object is the most probable one. */
  readonly accuracy: Metric;
}

export interface CounterFactMetrics {
  readonly groups: Readonly<Record<PromptGroup, GroupMetrics | null>>;
  /** S, the harmonic mean of ES, PS and NS; null where one of them has no prompts. */
  readonly score: number | null;
}

export function metricsOf(records: readonly RecordLosses[]): CounterFactMetrics {
  const groups = Object.fromEntries(PROMPT_GROUPS.map((group) => [group, groupMetrics(records, group)])) as Record<
    PromptGroup,
    GroupMetrics | null
  >;
  const shares = PROMPT_GROUPS.map((group) => groups[group]?.success.mean);
  return { groups, score: shares.every((share) => share !== undefined) ? harmonicMean(shares) : null };
}

function groupMetrics(records: readonly RecordLosses[], group: PromptGroup): GroupMetrics | null {
  const asked = records.map((record) => record[group]).filter((prompts) => prompts.length > 0);
  if (asked.length === 0) return null;
  // The right object first.
  const ordered = ({ targetNew, targetTrue }: PromptLosses): readonly [number, number] =>
    group === 'neighborhood' ? [targetTrue, targetNew] : [targetNew, targetTrue];
  const over = (value: (prompt: PromptLosses) => number): Metric =>
    meanWithInterval(asked.map((prompts) => prompts.reduce((sum, prompt) => sum + value(prompt), 0) / prompts.length));
  return {
    success: over((prompt) => Number(ordered(prompt)[0] < ordered(prompt)[1])),
    magnitude: over((prompt) => Math.exp(-ordered(prompt)[0]) - Math.exp(-ordered(prompt)[1])),
    accuracy: over(({ correct }) => Number(correct)),
  };
}

/** Over at least one value. */
export function meanWithInterval(values: readonly number[]): Metric {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, interval: n < 2 ? 0 : 1.96 * Math.sqrt(squares / (n - 1) / n), records: n };
}

/** 0 where a value is. */
function harmonicMean(values: readonly number[]): number {
  return values.length / values.reduce((sum, value) => sum + 1 / value, 0);
}
