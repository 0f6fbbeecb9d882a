/** Everything a model is asked about records: the objects after every prompt and, where wanted, texts of its own. */
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { Job } from '../job.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { generateTexts, type GenerationOptions, type RecordTexts } from './generation.ts';
import { evaluateRecords, type RecordLosses } from './record-losses.ts';
import type { EvaluationRecord } from './records.ts';

/** Of every record, in their order. */
export interface Assessment {
  readonly losses: readonly RecordLosses[];
  /** Null where none were asked for. */
  readonly texts: readonly RecordTexts[] | null;
}

export type AssessmentPart = 'prompts' | 'texts';

/**
 * @param generation null where no texts are to be written
 * @param onProgress in records for the prompts, in tokens for the texts
 * @throws RequestError when a prompt with its object is longer than the context; CancelledError
 */
export async function assess(
  { model, tokenizer }: { readonly model: LanguageModel; readonly tokenizer: ModelTokenizer },
  weights: WeightSet,
  records: readonly EvaluationRecord[],
  generation: GenerationOptions | null,
  job: Job = {},
  onProgress: (part: AssessmentPart, done: number, total: number) => void = () => undefined,
): Promise<Assessment> {
  const losses = await evaluateRecords(model, tokenizer, weights, records, job, (done, total) => {
    onProgress('prompts', done, total);
  });
  if (!generation) return { losses, texts: null };
  const texts = await generateTexts(model, tokenizer, weights, records, generation, job, (done, total) => {
    onProgress('texts', done, total);
  });
  return { losses, texts };
}
