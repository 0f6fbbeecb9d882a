/** How a model answers prompts: its top tokens, and whether and how probably it says a given answer. */
import { visitLogits, visitNextTokens, type LogitRow } from '../model/logits.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { answerText } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { argmax, logProbability, topTokens, type RankedToken } from '../model/sampling.ts';

const TOP_COUNT = 5;

export interface PromptAnswer {
  readonly promptIds: readonly number[];
  readonly answerIds: readonly number[];
}

/** A prompt and an object after it, as tokens. */
export function promptAnswer(tokenizer: ModelTokenizer, prompt: string, object: string): PromptAnswer {
  return {
    promptIds: tokenizer.encode(prompt, { special: true }),
    answerIds: tokenizer.encodeAfter(prompt, answerText(object)),
  };
}

/** Tokens of both. */
export function lengthOf({ promptIds, answerIds }: PromptAnswer): number {
  return promptIds.length + answerIds.length;
}

export interface AnswerScore {
  /** Most probable next tokens after the prompt. */
  readonly top: RankedToken[];
  /** Natural log of the joint probability of the answer's tokens. */
  readonly logProbability: number;
  /** Per token of the answer: it is the most probable one, given the ones before it. */
  readonly correct: readonly boolean[];
  /** All of them are. */
  readonly says: boolean;
}

/** The most probable next tokens after every row, in the order given. */
export async function topNextTokens(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
  signal?: AbortSignal,
): Promise<RankedToken[][]> {
  const top = new Array<RankedToken[]>(rows.length);
  const rank = (row: number, logits: Float32Array): void => {
    top[row] = topTokens(logits, TOP_COUNT);
  };
  await visitNextTokens(model, weights, rows, rank, signal);
  return top;
}

/**
 * Scores answers, teacher-forced, in the order given. A row holds a prompt and its answer; it serves every other answer that begins
 * as it does, so that two one-token answers to a prompt are one row.
 */
export async function scoreAnswers(
  model: LanguageModel,
  weights: WeightSet,
  items: readonly PromptAnswer[],
  signal?: AbortSignal,
): Promise<AnswerScore[]> {
  const { rows, rowOf } = shareRows(items);
  const readers = rows.map((): number[] => []);
  rowOf.forEach((row, item) => readers[row].push(item));
  const scores = items.map(() => ({
    top: [] as RankedToken[],
    logProbability: 0,
    correct: [] as boolean[],
  }));
  const read = (row: number, token: number, logits: Float32Array): void => {
    for (const item of readers[row]) {
      const { promptIds, answerIds } = items[item];
      const place = token + 1 - promptIds.length;
      if (place < 0 || place >= answerIds.length) continue;
      const score = scores[item];
      if (place === 0) score.top = topTokens(logits, TOP_COUNT);
      score.logProbability += logProbability(logits, answerIds[place]);
      score.correct[place] = argmax(logits) === answerIds[place];
    }
  };
  await visitLogits(model, weights, rows, read, signal);
  return scores.map((score) => ({ ...score, says: score.correct.every(Boolean) }));
}

/** The rows to run, longest first, and which of them each item reads. */
function shareRows(items: readonly PromptAnswer[]): { rows: LogitRow[]; rowOf: number[] } {
  const wanted = items.map(({ promptIds, answerIds }) => [...promptIds, ...answerIds.slice(0, -1)]);
  const order = items.map((_, item) => item).sort((a, b) => wanted[b].length - wanted[a].length);
  const rows: { ids: number[]; from: number }[] = [];
  const rowOf = new Array<number>(items.length);
  /** Rows by every beginning of theirs that could be another item's whole row. */
  const beginnings = new Map<string, number>();
  for (const item of order) {
    const from = items[item].promptIds.length - 1;
    const known = beginnings.get(wanted[item].join());
    if (known !== undefined) {
      rowOf[item] = known;
      rows[known].from = Math.min(rows[known].from, from);
      continue;
    }
    rowOf[item] = rows.length;
    for (let end = from + 1; end <= wanted[item].length; end += 1) {
      beginnings.set(wanted[item].slice(0, end).join(), rows.length);
    }
    rows.push({ ids: wanted[item], from });
  }
  return { rows, rowOf };
}
