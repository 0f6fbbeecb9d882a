/**
 * How a model answers CounterFact records: per prompt the loss of both objects (algorithm, section 8; reference:
 * experiments/py/eval_utils_counterfact.py, compute_rewrite_quality_counterfact).
 */
import { RequestError } from '../errors.ts';
import type { LanguageModel } from '../families/language-model.ts';
import type { WeightSet } from '../families/weight-set.ts';
import { checkpoint, type Job } from '../job.ts';
import { answerText, fillPrompt } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import type { CounterFactRecord } from './records.ts';
import { scoreAnswers, type PromptAnswer } from './score.ts';

/** Which prompts of a record: those of the edit itself, its paraphrases, its neighbours. */
export const PROMPT_GROUPS = ['rewrite', 'paraphrase', 'neighborhood'] as const;
export type PromptGroup = (typeof PROMPT_GROUPS)[number];

export interface PromptLosses {
  /** Mean of −log p over the object's tokens. */
  readonly targetNew: number;
  readonly targetTrue: number;
  /** Every token of the object that is right here is the most probable one: the new one's, for neighbours the true one's. */
  readonly correct: boolean;
}

export type RecordLosses = Readonly<Record<PromptGroup, readonly PromptLosses[]>>;

/** Records whose prompts run together: enough to fill the batches, few enough to hear a cancel. */
const RECORDS_AT_ONCE = 16;

/**
 * @param onProgress in records
 * @throws RequestError when a prompt with its object is longer than the context; CancelledError
 */
export async function evaluateRecords(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  records: readonly CounterFactRecord[],
  job: Job = {},
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<RecordLosses[]> {
  const { contextLength } = model.config;
  const items = records.map((record) => itemsOf(record, tokenizer, contextLength));
  const results: RecordLosses[] = [];
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    onProgress(at, records.length);
    await checkpoint(job);
    const some = items.slice(at, at + RECORDS_AT_ONCE);
    const scores = await scoreAnswers(
      model,
      weights,
      some.flatMap((groups) => PROMPT_GROUPS.flatMap((group) => groups[group].flat())),
      job.signal,
    );
    let next = 0;
    for (const groups of some) {
      const lossesOf = (group: PromptGroup): PromptLosses[] =>
        groups[group].map(([forNew, forTrue]) => {
          const [scoreNew, scoreTrue] = [scores[next], scores[next + 1]];
          next += 2;
          return {
            targetNew: -scoreNew.logProbability / forNew.answerIds.length,
            targetTrue: -scoreTrue.logProbability / forTrue.answerIds.length,
            correct: (group === 'neighborhood' ? scoreTrue : scoreNew).says,
          };
        });
      results.push({
        rewrite: lossesOf('rewrite'),
        paraphrase: lossesOf('paraphrase'),
        neighborhood: lossesOf('neighborhood'),
      });
    }
  }
  onProgress(records.length, records.length);
  return results;
}

type TargetPair = readonly [forNew: PromptAnswer, forTrue: PromptAnswer];

/** Both objects after every prompt of a record. */
function itemsOf(
  record: CounterFactRecord,
  tokenizer: ModelTokenizer,
  contextLength: number,
): Record<PromptGroup, TargetPair[]> {
  const { prompt, subject, target_new: targetNew, target_true: targetTrue } = record.requested_rewrite;
  const answers = [targetNew, targetTrue].map(({ str }) => tokenizer.encode(answerText(str), { special: false }));
  const pair = (text: string): TargetPair => {
    const promptIds = tokenizer.encode(text, { special: true });
    const tokens = promptIds.length + Math.max(...answers.map((ids) => ids.length));
    if (tokens > contextLength) {
      throw new RequestError(
        'prompt',
        `Case ${record.case_id}: “${text}” with its object takes ${tokens} tokens; the model reads ${contextLength}.`,
      );
    }
    return [
      { promptIds, answerIds: answers[0] },
      { promptIds, answerIds: answers[1] },
    ];
  };
  return {
    rewrite: [pair(fillPrompt(prompt, subject))],
    paraphrase: record.paraphrase_prompts.map(pair),
    neighborhood: record.neighborhood_prompts.map(pair),
  };
}
