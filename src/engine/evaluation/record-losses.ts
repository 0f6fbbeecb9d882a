/**
 * How a model answers records: per prompt the loss of both objects, and which tokens of the right one it would say (Meng et al. 2022, section 3.4;
 * reference: experiments/py/eval_utils_counterfact.py, eval_utils_zsre.py).
 */
import { RequestError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { checkpoint, type Job } from '../job.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { type EvaluationRecord, PROMPT_GROUPS, type PromptGroup, promptsOf, type RecordPrompt } from './records.ts';
import { type AnswerScore, lengthOf, promptAnswer, type PromptAnswer, scoreAnswers } from './score.ts';

export interface PromptLosses {
  /** Mean of −log p over the new object's tokens; null where the prompt is not asked for it. */
  readonly targetNew: number | null;
  /** The same of the true object, or of the neighbour's own answer. */
  readonly targetTrue: number | null;
  /** Per token of the right object: it is the most probable one, given those before it. */
  readonly correct: readonly boolean[];
}

export type RecordLosses = Readonly<Record<PromptGroup, readonly PromptLosses[]>>;

/** Records whose prompts run together: enough to fill the batches, few enough to hear a cancel. */
const RECORDS_AT_ONCE = 16;

/** The answers a prompt is asked for; at least the right one. */
interface Question {
  readonly group: PromptGroup;
  readonly forNew: PromptAnswer | null;
  readonly forTrue: PromptAnswer | null;
}

/**
 * @param onProgress in records
 * @throws RequestError when a prompt with its object is longer than the context; CancelledError
 */
export async function evaluateRecords(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  records: readonly EvaluationRecord[],
  job: Job = {},
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<RecordLosses[]> {
  const { contextLength } = model.config;
  const questions = records.map((record) => questionsOf(record, tokenizer, contextLength));
  const results: RecordLosses[] = [];
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    onProgress(at, records.length);
    await checkpoint(job);
    const some = questions.slice(at, at + RECORDS_AT_ONCE);
    const items = some.flat().flatMap(({ forNew, forTrue }) => [forNew, forTrue].filter((item) => item !== null));
    const scores = await scoreAnswers(model, weights, items, job.signal);
    const scoreOf = new Map(items.map((item, i) => [item, scores[i]]));
    for (const asked of some) {
      const lossesOf = (group: PromptGroup): PromptLosses[] =>
        asked.filter((question) => question.group === group).map((question) => promptLosses(question, scoreOf));
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

function promptLosses(
  { group, forNew, forTrue }: Question,
  scoreOf: ReadonlyMap<PromptAnswer, AnswerScore>,
): PromptLosses {
  const loss = (item: PromptAnswer | null): number | null =>
    item && -scoreOf.get(item)!.logProbability / item.answerIds.length;
  const right = group === 'neighborhood' ? forTrue : forNew;
  return { targetNew: loss(forNew), targetTrue: loss(forTrue), correct: right ? scoreOf.get(right)!.correct : [] };
}

/** Every prompt of a record with the objects it is asked for. */
function questionsOf(record: EvaluationRecord, tokenizer: ModelTokenizer, contextLength: number): Question[] {
  const prompts = promptsOf(record);
  const answerFor = ({ prompt }: RecordPrompt, object: string | null): PromptAnswer | null => {
    if (object === null) return null;
    const answer = promptAnswer(tokenizer, prompt, object);
    const tokens = lengthOf(answer);
    if (tokens > contextLength) {
      throw new RequestError(
        'prompt',
        `Case ${record.case_id}: “${prompt}” with its object takes ${tokens} tokens; the model reads ${contextLength}.`,
      );
    }
    return answer;
  };
  return PROMPT_GROUPS.flatMap((group) =>
    prompts[group].map((prompt) => ({
      group,
      forNew: answerFor(prompt, prompt.targetNew),
      forTrue: answerFor(prompt, prompt.targetTrue),
    })),
  );
}
