/** Asks a model for facts, many prompts at a time. */
import { checkpoint, type Job } from '../job.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { fillPrompt } from '../tokens/template.ts';
import { lengthOf, promptAnswer, scoreAnswers, type PromptAnswer } from '../evaluation/score.ts';
import type { RecordAnswer } from './answers.ts';
import type { FactPrompt, FactRecord } from './reference-data.ts';

/** Prompts that run together: enough to fill the batches, few enough to hear a cancel soon. */
export const ASKED_AT_ONCE = 64;

interface Asked {
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
}

/** Whether each object is the unedited model's own answer to its prompt, token by token. Prompts longer than the context are not known. */
export async function askPrompts(
  { model, tokenizer }: Asked,
  prompts: readonly FactPrompt[],
  job: Job,
): Promise<boolean[]> {
  await checkpoint(job);
  const items = prompts.map(({ prompt, subject, object }) =>
    promptAnswer(tokenizer, fillPrompt(prompt, subject), object),
  );
  const fits = items.map((item) => lengthOf(item) <= model.config.contextLength);
  const scores = await scoreAnswers(
    model,
    model.weights,
    items.filter((_, i) => fits[i]),
    job.signal,
  );
  const next = scores.values();
  return fits.map((fit) => fit && next.next().value!.says);
}

/**
 * How the unedited model answers each record's prompt: probabilities are compared by their means per token, as CounterFact's metrics
 * compare them (reference: experiments/py/eval_utils_counterfact.py).
 */
export async function askRecords(
  { model, tokenizer }: Asked,
  records: readonly FactRecord[],
  job: Job,
): Promise<RecordAnswer[]> {
  await checkpoint(job);
  const pairs = records.map(({ prompt, subject, targetTrue, targetNew }) =>
    [targetTrue, targetNew].map((object) => promptAnswer(tokenizer, fillPrompt(prompt, subject), object)),
  );
  const fits = pairs.map((pair) => pair.every((item) => lengthOf(item) <= model.config.contextLength));
  const items = pairs.filter((_, i) => fits[i]).flat();
  const scores = await scoreAnswers(model, model.weights, items, job.signal);
  const perToken = (item: PromptAnswer, logProbability: number): number => logProbability / item.answerIds.length;
  let at = 0;
  return fits.map((fit) => {
    if (!fit) return { top: false, preferred: false };
    const [truth, other] = [at, at + 1];
    at += 2;
    const [ofTruth, ofOther] = [truth, other].map((i) => perToken(items[i], scores[i].logProbability));
    return { top: scores[truth].says, preferred: ofTruth > ofOther };
  });
}
