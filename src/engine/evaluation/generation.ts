/**
 * What a model writes about the subjects of records, and how it reads: GE, fluency, and RS, consistency with texts about the new object
 * (Meng et al. 2022, section 3.4; reference: experiments/py/eval_utils_counterfact.py, test_generation).
 */
import { continueRows } from '../model/decoding.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { sampleTopK } from '../model/sampling.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { Job } from '../job.ts';
import { seededRandom } from '../random.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import type { EvaluationRecord } from './records.ts';
import type { ReferenceTexts } from './reference-texts.ts';
import { treebankWords } from './words.ts';

/** Of a record. */
export interface RecordTexts {
  /** One for each of its generation prompts, which they begin with. */
  readonly texts: readonly string[];
  /** GE: mean over the texts of the weighted entropy of their bigrams and trigrams, in bits; null without texts. */
  readonly fluency: number | null;
  /** RS: cosine of the TF-IDF vectors of the texts and of the reference texts; null where there are none of these. */
  readonly consistency: number | null;
}

export interface GenerationOptions {
  /** Of the draws; a text depends on its record's and prompt's places in the lists, not on the other texts. */
  readonly seed: number;
  readonly references?: ReferenceTexts | null;
}

/** Tokens of a text, its prompt included. */
const TEXT_TOKENS = 100;
const TOP_K = 5;
/** Records whose texts are written together, at most. */
const RECORDS_AT_ONCE = 12;
/** Prompts of a record that have streams of their own. */
const STREAMS = 1024;
/** Tokens between two words of progress. */
const TOKENS_PER_STEP = 200;

/**
 * Lets the model continue every generation prompt to 100 tokens, each drawn from the five most probable.
 * @param onProgress in tokens
 * @throws CancelledError
 */
export async function generateTexts(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  records: readonly EvaluationRecord[],
  { seed, references = null }: GenerationOptions,
  job: Job = {},
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<RecordTexts[]> {
  const prompts = records.map(({ generation_prompts: beginnings = [] }) =>
    beginnings.map((prompt) => ({ prompt, ids: tokenizer.encode(prompt, { special: true }) })),
  );
  const toAdd = (ids: readonly number[]): number => Math.max(0, TEXT_TOKENS - ids.length);
  const total = prompts.flat().reduce((sum, { ids }) => sum + toAdd(ids), 0);
  let done = 0;
  const results: RecordTexts[] = [];
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    const rows = prompts.slice(at, at + RECORDS_AT_ONCE).flatMap((own, i) =>
      own.map(({ prompt, ids }, p) => ({
        prompt,
        ids,
        random: seededRandom((seed * records.length + at + i) * STREAMS + p),
      })),
    );
    const added = await continueRows(
      model,
      weights,
      rows.map(({ ids }) => ids),
      rows.map(({ ids }) => toAdd(ids)),
      (logits, row) => {
        if (done % TOKENS_PER_STEP === 0) onProgress(done, total);
        done += 1;
        return sampleTopK(logits, TOP_K, rows[row].random);
      },
      job,
    );
    const texts = rows.map(({ prompt }, row) => {
      const words = added[row].filter((id) => id !== tokenizer.endOfTextId);
      return (prompt + tokenizer.decode(words)).normalize('NFKD').replaceAll('\n\n', ' ');
    });
    let next = 0;
    for (const record of records.slice(at, at + RECORDS_AT_ONCE)) {
      const own = texts.slice(next, next + (record.generation_prompts?.length ?? 0));
      next += own.length;
      results.push(judgeTexts(record, own, references));
    }
  }
  onProgress(total, total);
  return results;
}

/** GE and RS of given texts. */
export function judgeTexts(
  record: EvaluationRecord,
  texts: readonly string[],
  references: ReferenceTexts | null,
): RecordTexts {
  if (texts.length === 0) return { texts, fluency: null, consistency: null };
  return {
    texts,
    fluency: texts.reduce((sum, text) => sum + nGramEntropy(text), 0) / texts.length,
    consistency: references?.similarity(record.requested_rewrite, texts.join(' ')) ?? null,
  };
}

/** Mean of 2/3 of the entropy of a text's bigrams and 4/3 of that of its trigrams, in bits. */
export function nGramEntropy(text: string): number {
  const words = treebankWords(text);
  return ((2 / 3) * entropy(words, 2) + (4 / 3) * entropy(words, 3)) / 2;
}

function entropy(words: readonly string[], n: number): number {
  const counts = new Map<string, number>();
  const total = Math.max(0, words.length - n + 1);
  for (let i = 0; i < total; i += 1) {
    const gram = words.slice(i, i + n).join(' ');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return [...counts.values()].reduce((sum, count) => sum - (count / total) * Math.log2(count / total), 0);
}
