/**
 * Before and after, for the edits of a patch: the prompt itself (efficacy), other wordings of it (generalisation), and
 * other subjects that have the old object (specificity).
 */
import { checkpoint, type Job } from '../job.ts';
import { continueRows } from '../model/decoding.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { argmax, sampleTopK, type RankedToken } from '../model/sampling.ts';
import { seededRandom } from '../random.ts';
import type { FactList } from '../tokens/fact-list.ts';
import { fillPrompt, targetText, type EditRequest } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { firstSentence } from './words.ts';
import { promptAnswer, scoreAnswers, topNextTokens, type AnswerScore } from './score.ts';

const CONTINUATION_TOKENS = 16;
/** As the texts of evaluations are drawn (generation.ts). */
const TOP_K = 5;
const NEIGHBOUR_COUNT = 8;
/** Some relations of ParaRel have twice as many wordings, which differ in little. */
const PARAPHRASE_COUNT = 8;

export interface Prediction {
  readonly id: number;
  readonly token: string;
  readonly probability: number;
}

export interface PromptComparison {
  readonly prompt: string;
  readonly before: Prediction[];
  readonly after: Prediction[];
}

export interface JudgedPrompt extends PromptComparison {
  readonly subject: string;
  /** For a paraphrase the new object, for a neighbour its own: the answer wanted after the edit. */
  readonly wanted: string;
  /** Joint probability of the wanted answer's tokens. */
  readonly wantedProbabilityBefore: number;
  readonly wantedProbabilityAfter: number;
  /** Every token of the wanted answer is the most probable one after the edit. */
  readonly pass: boolean;
}

export interface EditComparison extends PromptComparison {
  readonly subject: string;
  readonly object: string;
  readonly trueObject: string | null;
  /** Joint probability of the new object's tokens. */
  readonly objectProbabilityBefore: number;
  readonly objectProbabilityAfter: number;
  readonly pass: boolean;
  readonly continuationBefore: string;
  readonly continuationAfter: string;
  readonly paraphrases: JudgedPrompt[];
  readonly neighbours: JudgedPrompt[];
}

export interface Count {
  readonly passed: number;
  readonly total: number;
}

export interface Comparison {
  readonly edits: EditComparison[];
  readonly efficacy: Count;
  readonly generalization: Count;
  readonly specificity: Count;
}

export interface FreeComparison extends PromptComparison {
  readonly continuationBefore: string;
  readonly continuationAfter: string;
}

/** A model with its tokenizer, and the facts it was trained on where they are known. */
export interface Subjects {
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  readonly facts: FactList | null;
}

interface Question {
  readonly prompt: string;
  readonly subject: string;
  readonly wanted: string;
}

/** Display form of ranked tokens. */
export function predictions(tokenizer: ModelTokenizer, top: readonly RankedToken[]): Prediction[] {
  return top.map(({ id, logProbability }) => ({
    id,
    token: tokenizer.tokenText(id),
    probability: Math.exp(logProbability),
  }));
}

/** Compares two sets of weights on the edits of a patch. */
export async function compareEdits(
  { model, tokenizer, facts }: Subjects,
  requests: readonly EditRequest[],
  before: WeightSet,
  after: WeightSet,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<Comparison> {
  const edits: EditComparison[] = [];
  for (const request of requests) {
    const main = {
      prompt: fillPrompt(request.prompt, request.subject),
      subject: request.subject,
      wanted: request.targetNew,
    };
    const paraphrases = paraphraseQuestions(request, facts);
    const questions = [main, ...paraphrases, ...neighbourQuestions(request, facts)];
    const items = questions.map(({ prompt, wanted }) => promptAnswer(tokenizer, prompt, wanted));
    const scoresBefore = await scoreAnswers(model, before, items, signal);
    const scoresAfter = await scoreAnswers(model, after, items, signal);
    const judged = questions.map((question, i) => judge(tokenizer, question, scoresBefore[i], scoresAfter[i]));
    const [first, ...others] = judged;
    edits.push({
      prompt: first.prompt,
      before: first.before,
      after: first.after,
      subject: request.subject,
      object: targetText(request).trim(),
      trueObject: request.targetTrue ?? null,
      objectProbabilityBefore: first.wantedProbabilityBefore,
      objectProbabilityAfter: first.wantedProbabilityAfter,
      pass: first.pass,
      continuationBefore: await continuation(model, tokenizer, before, items[0].promptIds, signal),
      continuationAfter: await continuation(model, tokenizer, after, items[0].promptIds, signal),
      paraphrases: others.slice(0, paraphrases.length),
      neighbours: others.slice(paraphrases.length),
    });
    onProgress?.(edits.length, requests.length);
  }
  return {
    edits,
    efficacy: countPassed(edits),
    generalization: countPassed(edits.flatMap((edit) => edit.paraphrases)),
    specificity: countPassed(edits.flatMap((edit) => edit.neighbours)),
  };
}

/** Prompts that are asked between two words of progress. */
const PROMPTS_AT_ONCE = 16;

export interface FreeOptions {
  /** Draws every next token from the five most probable, with this seed; absent, the most probable one is taken. */
  readonly sampleSeed?: number;
  readonly job?: Job;
  /** In prompts. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Compares two sets of weights on any prompts. Sampled, both draw with the same random numbers. @throws CancelledError */
export async function comparePrompts(
  { model, tokenizer }: Subjects,
  prompts: readonly string[],
  before: WeightSet,
  after: WeightSet,
  { sampleSeed, job = {}, onProgress }: FreeOptions = {},
): Promise<FreeComparison[]> {
  const comparisons: FreeComparison[] = [];
  while (comparisons.length < prompts.length) {
    onProgress?.(comparisons.length, prompts.length);
    await checkpoint(job);
    const first = comparisons.length;
    const some = prompts.slice(first, first + PROMPTS_AT_ONCE);
    const rows = some.map((prompt) => tokenizer.encode(prompt, { special: true }));
    const sides = [];
    for (const weights of [before, after]) {
      const top = await topNextTokens(model, weights, rows, job.signal);
      // A prompt's draws do not depend on the others.
      const random = rows.map(() => (sampleSeed === undefined ? null : seededRandom(sampleSeed)));
      const draw: Draw = (logits, row) => {
        const own = random[row];
        return own === null ? argmax(logits) : sampleTopK(logits, TOP_K, own);
      };
      sides.push({ top, texts: await continuations(model, tokenizer, weights, rows, draw, job) });
    }
    const [{ top: topBefore, texts: textsBefore }, { top: topAfter, texts: textsAfter }] = sides;
    some.forEach((prompt, i) => {
      comparisons.push({
        prompt,
        before: predictions(tokenizer, topBefore[i]),
        after: predictions(tokenizer, topAfter[i]),
        continuationBefore: textsBefore[i],
        continuationAfter: textsAfter[i],
      });
    });
  }
  onProgress?.(prompts.length, prompts.length);
  return comparisons;
}

function paraphraseQuestions(
  { relationId, prompt, subject, targetNew }: EditRequest,
  facts: FactList | null,
): Question[] {
  if (!facts || relationId === undefined) return [];
  const templates = facts.paraphrases(relationId, prompt).slice(0, PARAPHRASE_COUNT);
  return templates.map((template) => ({ prompt: fillPrompt(template, subject), subject, wanted: targetNew }));
}

function neighbourQuestions(
  { relationId, prompt, subject, targetTrue }: EditRequest,
  facts: FactList | null,
): Question[] {
  if (!facts || relationId === undefined || targetTrue === undefined) return [];
  const neighbours = facts.neighbours(relationId, targetTrue, subject, NEIGHBOUR_COUNT);
  return neighbours.map((fact) => ({
    prompt: fillPrompt(prompt, fact.subject),
    subject: fact.subject,
    wanted: fact.object,
  }));
}

function judge(tokenizer: ModelTokenizer, question: Question, before: AnswerScore, after: AnswerScore): JudgedPrompt {
  return {
    ...question,
    before: predictions(tokenizer, before.top),
    after: predictions(tokenizer, after.top),
    wantedProbabilityBefore: Math.exp(before.logProbability),
    wantedProbabilityAfter: Math.exp(after.logProbability),
    pass: after.says,
  };
}

function countPassed(items: readonly { readonly pass: boolean }[]): Count {
  return { passed: items.filter(({ pass }) => pass).length, total: items.length };
}

type Draw = (logits: Float32Array, row: number) => number;

/** Continuations, up to the end-of-text token or the end of the sentence. */
async function continuations(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  rows: readonly (readonly number[])[],
  draw: Draw,
  job: Job,
): Promise<string[]> {
  const choose = (logits: Float32Array, row: number): number | null => {
    const next = draw(logits, row);
    return next === tokenizer.endOfTextId ? null : next;
  };
  const added = await continueRows(model, weights, rows, CONTINUATION_TOKENS, choose, job);
  return added.map((ids) => firstSentence(tokenizer.decode(ids)));
}

/** Greedy. */
async function continuation(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  promptIds: readonly number[],
  signal?: AbortSignal,
): Promise<string> {
  const [text] = await continuations(model, tokenizer, weights, [promptIds], argmax, { signal });
  return text;
}
