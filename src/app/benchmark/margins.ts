/** How margins are distributed: a histogram for each group of prompts. Pure. */
import { roundStep } from '../shared/round-step.ts';
import type { BenchmarkReport, PromptAnswerView, PromptGroup } from '../../worker/benchmark-api.ts';

export interface MarginBin {
  /** Its middle, in nats per token. */
  readonly middle: number;
  readonly before: number;
  readonly after: number;
}

const BINS = 30;
const TICKS = 8;

/** Prompts per bin before and after; bins are of a round width that shows all of them, with an edge at zero. */
export function marginBins({ cases }: BenchmarkReport, group: PromptGroup): MarginBin[] {
  const prompts = cases.flatMap((record) => record.prompts.filter((prompt) => prompt.group === group));
  const margins = (answers: readonly (PromptAnswerView | null)[]): number[] =>
    answers.flatMap((answer) => (answer && answer.margin !== null ? [answer.margin] : []));
  const before = margins(prompts.map((prompt) => prompt.before));
  const after = margins(prompts.map((prompt) => prompt.after));
  const all = [...before, ...after];
  if (all.length === 0) return [];
  const least = all.reduce((a, b) => Math.min(a, b), 0);
  const most = all.reduce((a, b) => Math.max(a, b), 0);
  const width = roundStep(Math.max(most - least, 0.1), BINS);
  const first = Math.floor(least / width);
  const bins = Array.from({ length: Math.floor(most / width) - first + 1 }, (_, i) => ({
    middle: (first + i + 0.5) * width,
    before: 0,
    after: 0,
  }));
  const count = (values: readonly number[], key: 'before' | 'after'): void => {
    for (const value of values) bins[Math.floor(value / width) - first][key] += 1;
  };
  count(before, 'before');
  count(after, 'after');
  return bins;
}

/** Round places on the axis of the bins, zero among them. */
export function marginTicks(bins: readonly MarginBin[]): number[] {
  const [first, last] = [bins[0].middle, bins[bins.length - 1].middle];
  const step = roundStep(Math.max(last - first, 0.1), TICKS);
  const from = Math.ceil(first / step);
  return Array.from({ length: Math.floor(last / step) - from + 1 }, (_, i) => (from + i) * step);
}
