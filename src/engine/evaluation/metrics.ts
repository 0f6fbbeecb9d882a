/** The metrics of CounterFact and of zsRE over many records (Meng et al. 2022, section 3.4; reference: experiments/summarize.py). */
import { smallest } from '../extent.ts';
import { halfInterval, shareInterval } from '../interval.ts';
import type { Assessment } from './assessment.ts';
import type { RecordTexts } from './generation.ts';
import type { PromptLosses, RecordLosses } from './record-losses.ts';
import { PROMPT_GROUPS, type PromptGroup } from './records.ts';

/** A mean over records; shares and probabilities are 0 … 1. */
export interface Metric {
  readonly mean: number;
  /** Half of the 95 % interval as the reference has it, 1.96·std/√n. */
  readonly interval: number;
  /** The 95 % interval: of shares Wilson's, else the mean ± {@link interval}. */
  readonly low: number;
  readonly high: number;
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
  readonly score: Metric | null;
}

export function metricsOf({ losses: records, texts }: Assessment): EvaluationMetrics {
  const groups = Object.fromEntries(PROMPT_GROUPS.map((group) => [group, groupMetrics(records, group)])) as Record<
    PromptGroup,
    GroupMetrics | null
  >;
  const known = PROMPT_GROUPS.map((group) => groups[group]).filter((group) => group !== null);
  const compared = known.some(({ success }) => success !== null);
  const shares = known
    .map(({ success, tokenAccuracy }) => (compared ? success : tokenAccuracy))
    .filter((share) => share !== null);
  const whole = shares.length === PROMPT_GROUPS.length;
  return { groups, score: whole ? scoreOf(shares) : null, texts: texts && textMetrics(texts) };
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
  const means = <T>(cases: readonly (readonly T[])[], value: (item: T) => number): number[] =>
    cases.map((items) => items.reduce((sum, item) => sum + value(item), 0) / items.length);
  return {
    success: pairs.length === 0 ? null : shareOf(means(pairs, ([right, other]) => Number(right < other))),
    magnitude:
      pairs.length === 0
        ? null
        : meanWithInterval(means(pairs, ([right, other]) => Math.exp(-right) - Math.exp(-other))),
    accuracy: shareOf(means(asked, ({ correct }) => Number(correct.every(Boolean)))),
    tokenAccuracy: shareOf(
      means(
        asked.map((prompts) => prompts.flatMap(({ correct }) => correct)),
        Number,
      ),
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
  const interval = halfInterval(squares, n);
  return { mean, interval, low: mean - interval, high: mean + interval, records: n };
}

/** Over at least one share, each of 0 … 1. */
export function shareOf(values: readonly number[]): Metric {
  const { mean, interval, records } = meanWithInterval(values);
  const [low, high] = shareInterval(mean, records);
  return { mean, interval, low, high, records };
}

/**
 * The harmonic mean of shares, its interval put together from theirs as if they were independent (Zou and Donner 2008): the squares of how far each
 * end moves it are added. Shares of 0 are moved together, as one alone moves nothing.
 */
function scoreOf(shares: readonly Metric[]): Metric {
  const means = shares.map(({ mean }) => mean);
  const mean = harmonicMean(means);
  const moved = (to: (share: Metric) => number, which: (i: number) => boolean): number =>
    harmonicMean(shares.map((share, i) => (which(i) ? to(share) : means[i])));
  const reach = (to: (share: Metric) => number): number =>
    Math.sqrt(shares.reduce((sum, _, i) => sum + (moved(to, (at) => at === i) - mean) ** 2, 0));
  const high =
    mean === 0
      ? moved(
          (share) => share.high,
          (i) => means[i] === 0,
        )
      : mean + reach((share) => share.high);
  return {
    mean,
    interval: 0,
    low: Math.max(0, mean - reach((share) => share.low)),
    high: Math.min(1, high),
    records: smallest(shares.map(({ records }) => records)),
  };
}

/** 0 where a value is. */
function harmonicMean(values: readonly number[]): number {
  return values.length / values.reduce((sum, value) => sum + 1 / value, 0);
}
