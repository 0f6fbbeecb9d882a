/** How a model answers prompts: its top tokens, and whether and how probably it says a given answer. */
import { nextTokenLogits } from '../families/forward.ts';
import type { LanguageModel } from '../families/language-model.ts';
import type { WeightSet } from '../families/weight-set.ts';
import { argmax, logProbability, topTokens, type RankedToken } from '../families/sampling.ts';

const TOP_COUNT = 5;

export interface PromptAnswer {
  readonly promptIds: readonly number[];
  readonly answerIds: readonly number[];
}

export interface AnswerScore {
  /** Most probable next tokens after the prompt. */
  readonly top: RankedToken[];
  /** Natural log of the joint probability of the answer's tokens. */
  readonly logProbability: number;
  /** Every token of the answer is the most probable one, given the ones before it. */
  readonly says: boolean;
}

/** The most probable next tokens after every row, in the order given. */
export async function topNextTokens(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<RankedToken[][]> {
  const logits = await nextTokenLogits(model, weights, rows, signal);
  return logits.map((row) => topTokens(row, TOP_COUNT));
}

/** Scores answers, teacher-forced, in the order given. */
export async function scoreAnswers(
  model: LanguageModel,
  weights: WeightSet,
  items: readonly PromptAnswer[],
  signal?: AbortSignal,
): Promise<AnswerScore[]> {
  const rows = items.flatMap(({ promptIds, answerIds }) =>
    answerIds.map((_, t) => [...promptIds, ...answerIds.slice(0, t)]),
  );
  const logits = await nextTokenLogits(model, weights, rows, signal);
  let at = 0;
  return items.map(({ answerIds }) => {
    const own = logits.slice(at, at + answerIds.length);
    at += answerIds.length;
    return {
      top: topTokens(own[0], TOP_COUNT),
      logProbability: answerIds.reduce((sum, id, t) => sum + logProbability(own[t], id), 0),
      says: answerIds.every((id, t) => argmax(own[t]) === id),
    };
  });
}
