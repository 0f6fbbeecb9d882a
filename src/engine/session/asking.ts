/** Questions to an open model: what comes next, and the same before and after edits. */
import { RequestError } from '../errors.ts';
import {
  compareEdits,
  comparePrompts,
  type Comparison,
  type FreeComparison,
  type FreeOptions,
} from '../evaluation/compare.ts';
import { promptAnswer, scoreAnswers, topNextTokens } from '../evaluation/score.ts';
import type { RankedToken } from '../model/sampling.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { applyPatches } from '../patches/apply.ts';
import { fillPrompt, targetText, type EditRequest } from '../tokens/request.ts';
import type { ModelSession } from './session.ts';

export interface RequestAnswer {
  /** Every token of the new object is the most probable one. */
  readonly says: boolean;
  /** Joint probability of the new object's tokens. */
  readonly probability: number;
  /** The most probable next tokens. */
  readonly top: RankedToken[];
}

/** Top next tokens of the model as it is now. @throws RequestError, CancelledError */
export async function predict(
  session: ModelSession,
  prompts: readonly string[],
  signal?: AbortSignal,
): Promise<RankedToken[][]> {
  const rows = prompts.map((prompt) => promptIds(session, prompt));
  return topNextTokens(session.model, await session.weights(), rows, signal);
}

/** Token ids of a prompt as the model reads it. @throws RequestError when empty or longer than the context. */
export function promptIds({ tokenizer, model }: ModelSession, prompt: string): number[] {
  const { contextLength } = model.config;
  const ids = tokenizer.encode(prompt, { special: true });
  if (ids.length === 0) throw new RequestError('prompt', 'The prompt is empty.');
  if (ids.length > contextLength) {
    throw new RequestError('prompt', `The prompt takes ${ids.length} tokens; the model reads ${contextLength}.`);
  }
  return ids;
}

/** A patch's edits without it and with it, the other enabled patches in place both times. @throws PatchError, CancelledError */
export async function comparePatch(
  session: ModelSession,
  patchId: string,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<Comparison> {
  const { model, stack } = session;
  const { patch } = stack.entry(patchId);
  const entries = stack.entries;
  const without = entries.filter((entry) => entry.enabled && entry.patch !== patch).map((entry) => entry.patch);
  const including = entries.filter((entry) => entry.enabled || entry.patch === patch).map((entry) => entry.patch);
  const before = await applyPatches(model, without);
  try {
    const after = await applyPatches(model, including);
    try {
      return await compareEdits(session, patch.requests, before, after, options);
    } finally {
      after.dispose();
    }
  } finally {
    before.dispose();
  }
}

/** Requests that are tokenised and asked between two words of progress. */
const ASKED_AT_ONCE = 512;

/**
 * Whether a model answers each request's prompt with its new object.
 * @param onAsked how many are
 * @throws CancelledError
 */
export async function answersOf(
  { model, tokenizer }: ModelSession,
  weights: WeightSet,
  requests: readonly EditRequest[],
  signal?: AbortSignal,
  onAsked?: (done: number) => void,
): Promise<RequestAnswer[]> {
  const answers: RequestAnswer[] = [];
  while (answers.length < requests.length) {
    const items = requests
      .slice(answers.length, answers.length + ASKED_AT_ONCE)
      .map((request) => promptAnswer(tokenizer, fillPrompt(request.prompt, request.subject), targetText(request)));
    for (const { says, logProbability, top } of await scoreAnswers(model, weights, items, signal))
      answers.push({ says, probability: Math.exp(logProbability), top });
    onAsked?.(answers.length);
  }
  return answers;
}

/** Free prompts: the unedited model beside the model as it is now. @throws RequestError naming the prompt; CancelledError */
export async function compareFree(
  session: ModelSession,
  prompts: readonly string[],
  options: FreeOptions = {},
): Promise<FreeComparison[]> {
  for (const [i, prompt] of prompts.entries()) {
    try {
      promptIds(session, prompt);
    } catch (error) {
      if (prompts.length === 1 || !(error instanceof RequestError)) throw error;
      throw new RequestError(error.field, `Prompt ${i + 1}: ${error.message}`, { next: error.next, cause: error });
    }
  }
  return comparePrompts(session, prompts, session.model.weights, await session.weights(), options);
}
