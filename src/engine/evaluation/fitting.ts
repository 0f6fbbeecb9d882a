/** What of records a model can be asked: prompts within its context, and edits that it can make. */
import { buildEditPrompts } from '../targets/prompts.ts';
import { EngineError, RequestError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { validateRequest } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { requestOf } from './benchmark.ts';
import { answerableNeighbours, type EvaluationRecord, type PromptGroup, promptsOf } from './records.ts';
import { lengthOf, promptAnswer } from './score.ts';

/** Something that is not asked, and why. */
export interface LeftOut {
  readonly caseId: string;
  readonly reason: string;
}

export interface FittedRecords {
  readonly records: EvaluationRecord[];
  readonly leftOut: LeftOut[];
}

/**
 * The records without what the model cannot be asked: paraphrases and neighbours longer than its context go alone, an edit's own prompt takes
 * its record along.
 * @param contexts of the run that is to write the records; null where they are only asked
 * @throws EngineError ('input') when nothing is left
 */
export function fitRecords(
  { model, tokenizer }: { readonly model: LanguageModel; readonly tokenizer: ModelTokenizer },
  records: readonly EvaluationRecord[],
  contexts: readonly string[] | null,
): FittedRecords {
  const { contextLength } = model.config;
  const leftOut: LeftOut[] = [];
  const fitted = records.flatMap((record) => {
    const caseId = String(record.case_id);
    const fits = fittingPrompts(record, tokenizer, contextLength);
    const fault = fits.rewrite[0] ? editFault(record, contexts, tokenizer, contextLength) : tooLong(contextLength);
    if (fault !== null) {
      leftOut.push({ caseId, reason: `the record: ${fault}` });
      return [];
    }
    const kept = {
      ...record,
      paraphrase_prompts: record.paraphrase_prompts.filter((_, i) => fits.paraphrase[i]),
      neighborhood_prompts: answerableNeighbours(record).filter((_, i) => fits.neighborhood[i]),
    };
    const lost = [...fits.paraphrase, ...fits.neighborhood].filter((fit) => !fit).length;
    if (lost === 0) return [record];
    leftOut.push({ caseId, reason: `${lost} of its prompts: ${tooLong(contextLength)}` });
    return [kept];
  });
  if (fitted.length === 0) {
    const why = leftOut.length === 0 ? '' : ` The first: ${leftOut[0].reason}.`;
    throw new EngineError('input', `None of the records can be asked of this model.${why}`);
  }
  return { records: fitted, leftOut };
}

function tooLong(contextLength: number): string {
  return `the prompt with its object is longer than the ${contextLength} tokens that the model reads`;
}

/** Of every prompt, whether the model can read it with each of its objects. */
function fittingPrompts(
  record: EvaluationRecord,
  tokenizer: ModelTokenizer,
  contextLength: number,
): Record<PromptGroup, boolean[]> {
  const asked = promptsOf(record);
  const fit = (group: PromptGroup): boolean[] =>
    asked[group].map(({ prompt, targetNew, targetTrue }) =>
      [targetNew, targetTrue].every(
        (object) => object === null || lengthOf(promptAnswer(tokenizer, prompt, object)) <= contextLength,
      ),
    );
  return { rewrite: fit('rewrite'), paraphrase: fit('paraphrase'), neighborhood: fit('neighborhood') };
}

/** Why the record's edit cannot be made, or null. */
function editFault(
  record: EvaluationRecord,
  contexts: readonly string[] | null,
  tokenizer: ModelTokenizer,
  contextLength: number,
): string | null {
  if (!contexts) return null;
  try {
    const request = requestOf(record);
    validateRequest(request, tokenizer, contextLength);
    buildEditPrompts(request, contexts, tokenizer, contextLength);
    return null;
  } catch (error) {
    if (error instanceof RequestError) return error.message.replace(/\.$/, '');
    throw error;
  }
}
