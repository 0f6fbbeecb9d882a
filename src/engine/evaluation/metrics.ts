/** The metrics of CounterFact and of zsRE over many records (Meng et al. 2022, section 3.4; reference: experiments/summarize.py). */
import { halfInterval } from '../interval.ts';
import type { Assessment } from './assessment.ts';
import type { RecordTexts } from './generation.ts';
import type { PromptLosses, RecordLosses } from './record-losses.ts';
import { PROMPT_GROUPS, type PromptGroup } from './records.ts';

/** A mean over records, with half of its 95 % interval, 1.96·std/√n; shares and probabilities are 0 … 1. */
export interface Metric {
  readonly mean: number;
  readonly interval: number;
  /** Records that have such prompts. */
  readonly records: number;
}

/** Of one group of prompts. */
export interface GroupMetrics {
  /** ES, PS, NS: the right object is the more probable one; null where no prompt has two objects. */
  readonly success: Metric | null;
  /** EM, PM, NM: by how much probability, exp(−loss) of the right object less that of the other. */
  readonly magnitude: Metric | null;
  /** EA, PA, NA: every token of the right object is the most probable one. */
  readonly accuracy: Metric;
  /** zsRE's efficacy, paraphrase, specificity: the share of the right object's tokens that are, given those before them. */
  readonly tokenAccuracy: Metric;
}

/** Of the texts that the model writes about the subjects. */
export interface TextMetrics {
  /** GE: weighted entropy of bigrams and trigrams, in bits. */
  readonly fluency: Metric;
  /** RS: cosine with reference texts about the new object; null where there are none for any record. */
  readonly consistency: Metric | null;
}

export interface EvaluationMetrics {
  /** Null where no texts were generated. */
  readonly texts: TextMetrics | null;
  readonly groups: Readonly<Record<PromptGroup, GroupMetrics | null>>;
  /**
   * S, the harmonic mean of ES, PS and NS; of the three token accuracies where no prompt has two objects; null where one of the
   * three is missing.
   */
  readonly score: number | null;
}

export function metricsOf({ losses: records, texts }: Assessment): EvaluationMetrics {
  const groups = Object.fromEntries(PROMPT_GROUPS.map((group) => [group, groupMetrics(records, group)])) as Record<
    PromptGroup,
    GroupMetrics | null
  >;
  const known = PROMPT_GROUPS.map((group) => groups[group]).filter((group) => group !== null);
  const compared = known.some(({ success }) => success !== null);
  const shares = known.map(({ success, tokenAccuracy }) => (compared ? success : tokenAccuracy)?.mean);
  const whole = known.length === PROMPT_GROUPS.length && shares.every((share) => share !== undefined);
  return { groups, score: whole ? harmonicMean(shares) : null, texts: texts && textMetrics(texts) };
}

/** Losses of the right object and of the other one, or null where there is no other. */
export function rightAndOther(group: PromptGroup, { targetNew, targetTrue }: PromptLosses): [number, number] | null {
  if (targetNew === null || targetTrue === null) return null;
  return group === 'neighborhood' ? [targetTrue, targetNew] : [targetNew, targetTrue];
}

function groupMetrics(records: readonly RecordLosses[], group: PromptGroup): GroupMetrics | null {
  const asked = records.map((record) => record[group]).filter((prompts) => prompts.length > 0);
  if (asked.length === 0) return null;
  const pairs = asked
    .map((prompts) => prompts.map((prompt) => rightAndOther(group, prompt)).filter((pair) => pair !== null))
    .filter((prompts) => prompts.length > 0);
  const over = <T>(cases: readonly (readonly T[])[], value: (item: T) => number): Metric =>
    meanWithInterval(cases.map((items) => items.reduce((sum, item) => sum + value(item), 0) / items.length));
  return {
    success: pairs.length === 0 ? null : over(pairs, ([right, other]) => Number(right < other)),
    magnitude: pairs.length === 0 ? null : over(pairs, ([right, other]) => Math.exp(-right) - Math.exp(-other)),
    accuracy: over(asked, ({ correct }) => Number(correct.every(Boolean))),
    tokenAccuracy: over(
      asked.map((prompts) => prompts.flatMap(({ correct }) => correct)),
      Number,
    ),
  };
}

function textMetrics(records: readonly RecordTexts[]): TextMetrics | null {
  const fluencies = records.map(({ fluency }) => fluency).filter((value) => value !== null);
  const consistencies = records.map(({ consistency }) => consistency).filter((value) => value !== null);
  if (fluencies.length === 0) return null;
  return {
    fluency: meanWithInterval(fluencies),
    consistency: consistencies.length === 0 ? null : meanWithInterval(consistencies),
  };
}

/** Over at least one value. */
export function meanWithInterval(values: readonly number[]): Metric {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, interval: halfInterval(squares, n), records: n };
}

/** 0 where a value is. */
function harmonicMean(values: readonly number[]): number {
  return values.length / values.reduce((sum, value) => sum + 1 / value, 0);
}
