/** Benchmarks on records: which of them are drawn, and the edit each of them asks for. */
import { EngineError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { checkpoint, type Job } from '../job.ts';
import { seededRandom } from '../random.ts';
import { type EditRequest, fillPrompt } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import type { EvaluationRecord } from './records.ts';
import { promptAnswer, scoreAnswers } from './score.ts';

/** Records whose prompts are asked at once when known facts are sought. */
const ASKED_AT_ONCE = 32;

/** All items in random order, each subject once: its first one there. The same order for the same seed. */
export function inRandomOrder<T>(items: readonly T[], subjectOf: (item: T) => string, seed: number): T[] {
  const random = seededRandom(seed);
  const left = [...items];
  const drawn = new Map<string, T>();
  while (left.length > 0) {
    const [item] = left.splice(Math.floor(random() * left.length), 1);
    const subject = subjectOf(item);
    if (!drawn.has(subject)) drawn.set(subject, item);
  }
  return [...drawn.values()];
}

function shuffled(records: readonly EvaluationRecord[], seed: number): EvaluationRecord[] {
  return inRandomOrder(records, ({ requested_rewrite: { subject } }) => subject, seed);
}

/**
 * `count` records, each equally likely and no subject twice; the same ones for the same seed.
 * @throws EngineError ('input') when there are fewer
 */
export function drawRecords(records: readonly EvaluationRecord[], count: number, seed: number): EvaluationRecord[] {
  return enough(shuffled(records, seed).slice(0, count), count, 'with subjects of their own');
}

/**
 * The same among the records whose true object is the model's own answer: what it does not know cannot be un-known.
 * @throws EngineError ('input') when there are fewer; CancelledError
 */
export async function drawKnownRecords(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  records: readonly EvaluationRecord[],
  count: number,
  seed: number,
  job: Job = {},
): Promise<EvaluationRecord[]> {
  const known: EvaluationRecord[] = [];
  const order = shuffled(
    records.filter(({ requested_rewrite: { target_true: truth } }) => truth !== undefined),
    seed,
  );
  for (let at = 0; at < order.length && known.length < count; at += ASKED_AT_ONCE) {
    await checkpoint(job);
    const some = order.slice(at, at + ASKED_AT_ONCE);
    const items = some.map(({ requested_rewrite: { prompt, subject, target_true: truth } }) =>
      promptAnswer(tokenizer, fillPrompt(prompt, subject), truth?.str ?? ''),
    );
    const scores = await scoreAnswers(model, weights, items, job.signal);
    some.forEach((record, i) => {
      if (scores[i].says) known.push(record);
    });
  }
  return enough(known.slice(0, count), count, 'that the model knows');
}

/** The edit that a record asks for. */
export function requestOf({ case_id: caseId, requested_rewrite: rewrite }: EvaluationRecord): EditRequest {
  const { prompt, subject, target_new: targetNew, target_true: targetTrue, relation_id: relationId } = rewrite;
  return {
    caseId,
    prompt,
    subject,
    targetNew: targetNew.str,
    ...(targetTrue === undefined ? {} : { targetTrue: targetTrue.str }),
    ...(relationId === undefined ? {} : { relationId }),
  };
}

function enough(drawn: EvaluationRecord[], count: number, which: string): EvaluationRecord[] {
  if (drawn.length < count) {
    throw new EngineError('input', `${count} records were asked for; there are ${drawn.length} ${which}.`);
  }
  return drawn;
}
