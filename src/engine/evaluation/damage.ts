/**
 * What edits did to everything else: facts the model knew that nobody edited, its perplexity on held-out text, and its next words after
 * neutral prompts.
 */
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { logSoftmax } from '../model/sampling.ts';
import { visitLogits } from '../model/logits.ts';
import { checkpoint, type Job } from '../job.ts';
import { seededRandom } from '../random.ts';
import type { KnownFact } from '../tokens/known-fact.ts';
import { type EditRequest, fillPrompt } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { meanWithInterval, shareOf, type Metric } from './metrics.ts';
import { promptAnswer, scoreAnswers } from './score.ts';

/**
 * How close a fact is to the edits: it has the relation and the true object of one (CounterFact's neighbourhood), it has the relation
 * of one, or neither.
 */
export const DISTANCES = ['neighbour', 'relation', 'other'] as const;
export type Distance = (typeof DISTANCES)[number];

export interface DamageQuestion {
  readonly prompt: string;
  readonly object: string;
  /** The relation's label. */
  readonly relation: string;
  readonly distance: Distance;
}

/** What damage is measured by; drawn once, so that models are asked the same. */
export interface DamageSample {
  readonly questions: readonly DamageQuestion[];
  /** Facts that are known and not edited, of which the questions are a sample, by distance. */
  readonly population: Readonly<Record<Distance, number>>;
  /** Held-out sentences; the first half of each is a neutral prompt as well. */
  readonly sentences: readonly string[];
}

export interface Damage {
  /** Share of the facts answered by the unedited model that are still answered, by distance; null where there are none. */
  readonly kept: Readonly<Record<Distance, Metric | null>>;
  /** The same over all facts that are not edited: the classes' shares by their true sizes. Null without facts. */
  readonly keptOverall: number | null;
  readonly relations: readonly { readonly relation: string; readonly kept: number; readonly asked: number }[];
  /** Per token on the held-out sentences; null without sentences. */
  readonly perplexity: number | null;
  /** KL(before ‖ after) of the next token after the neutral prompts, in nats, over the prompts; null without sentences. */
  readonly divergence: Metric | null;
}

/**
 * `count` facts, as many of each distance as there are, up to equal parts; the same ones for the same seed.
 * @param facts that the model knows
 */
export function drawDamageSample(
  facts: readonly KnownFact[],
  edits: readonly EditRequest[],
  sentences: readonly string[],
  count: number,
  seed: number,
): DamageSample {
  const relations = new Set(edits.map(({ relationId }) => relationId));
  const objects = new Set(edits.map(({ relationId, targetTrue }) => `${relationId}\n${targetTrue}`));
  const subjects = new Set(edits.map(({ subject }) => subject.toLowerCase()));
  const classes: Record<Distance, DamageQuestion[]> = { neighbour: [], relation: [], other: [] };
  for (const { prompt, subject, object, relationId, relation } of facts) {
    if (subjects.has(subject.toLowerCase())) continue;
    const related = relationId !== null && relations.has(relationId);
    const near = !related ? 'other' : objects.has(`${relationId}\n${object}`) ? 'neighbour' : 'relation';
    classes[near].push({ prompt: fillPrompt(prompt, subject), object, relation, distance: near });
  }
  const random = seededRandom(seed);
  const share = Math.ceil(count / DISTANCES.filter((distance) => classes[distance].length > 0).length);
  const questions = DISTANCES.flatMap((distance) => draw(classes[distance], share, random));
  const population = {
    neighbour: classes.neighbour.length,
    relation: classes.relation.length,
    other: classes.other.length,
  };
  return { questions, population, sentences };
}

/** What a model says to a sample. */
interface Answers {
  readonly says: readonly boolean[];
  /** Σ −log p and the number of tokens of the sentences. */
  readonly loss: number;
  readonly tokens: number;
  /** Log-probabilities [V] of the next token after each neutral prompt. */
  readonly next: readonly Float32Array[];
}

/** Asks the unedited model once and edited ones against it. */
export class DamageMeter {
  readonly #model: LanguageModel;
  readonly #tokenizer: ModelTokenizer;
  readonly #sample: DamageSample;
  readonly #before: Answers;

  private constructor(model: LanguageModel, tokenizer: ModelTokenizer, sample: DamageSample, before: Answers) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#sample = sample;
    this.#before = before;
  }

  /** @throws CancelledError */
  static async open(
    model: LanguageModel,
    tokenizer: ModelTokenizer,
    before: WeightSet,
    sample: DamageSample,
    job: Job = {},
  ): Promise<DamageMeter> {
    return new DamageMeter(model, tokenizer, sample, await ask(model, tokenizer, before, sample, job));
  }

  /** Perplexity of the unedited model; null without sentences. */
  get perplexityBefore(): number | null {
    return perplexityOf(this.#before);
  }

  /** @throws CancelledError */
  async measure(after: WeightSet, job: Job = {}): Promise<Damage> {
    const before = this.#before;
    const now = await ask(this.#model, this.#tokenizer, after, this.#sample, job);
    const { questions, population } = this.#sample;
    const asked = questions.map((question, i) => ({ ...question, kept: now.says[i] })).filter((_, i) => before.says[i]);
    const kept = Object.fromEntries(
      DISTANCES.map((distance) => {
        const values = asked
          .filter((question) => question.distance === distance)
          .map((question) => Number(question.kept));
        return [distance, values.length === 0 ? null : shareOf(values)];
      }),
    ) as Record<Distance, Metric | null>;
    const measured = DISTANCES.filter((distance) => kept[distance] !== null);
    const total = measured.reduce((sum, distance) => sum + population[distance], 0);
    const divergences = before.next.map((row, i) => divergence(row, now.next[i]));
    return {
      kept,
      keptOverall:
        total === 0
          ? null
          : measured.reduce((sum, distance) => sum + population[distance] * (kept[distance]?.mean ?? 0), 0) / total,
      relations: [...new Set(asked.map(({ relation }) => relation))].map((relation) => {
        const own = asked.filter((question) => question.relation === relation);
        return { relation, kept: own.filter((question) => question.kept).length, asked: own.length };
      }),
      perplexity: perplexityOf(now),
      divergence: divergences.length === 0 ? null : meanWithInterval(divergences),
    };
  }
}

async function ask(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  weights: WeightSet,
  { questions, sentences }: DamageSample,
  job: Job,
): Promise<Answers> {
  await checkpoint(job);
  const items = questions.map(({ prompt, object }) => promptAnswer(tokenizer, prompt, object));
  const scores = await scoreAnswers(model, weights, items, job.signal);
  await checkpoint(job);
  const rows = sentences
    .map((sentence) => tokenizer.encode(sentence, { special: true }).slice(0, model.config.contextLength))
    .filter((ids) => ids.length > 1)
    .map((ids) => ({ ids, from: 0 }));
  const next = new Array<Float32Array>(rows.length);
  let [loss, tokens] = [0, 0];
  const read = (row: number, token: number, logits: Float32Array): void => {
    const { ids } = rows[row];
    if (token + 1 >= ids.length) return;
    const logs = logSoftmax(logits);
    loss -= logs[ids[token + 1]];
    tokens += 1;
    if (token === Math.floor((ids.length - 1) / 2)) next[row] = logs;
  };
  await visitLogits(model, weights, rows, read, job.signal);
  return { says: scores.map(({ says }) => says), loss, tokens, next };
}

function perplexityOf({ loss, tokens }: Answers): number | null {
  return tokens === 0 ? null : Math.exp(loss / tokens);
}

/** KL(p ‖ q) from log-probabilities, in nats. Of two that are all but equal, rounding would make it less than 0, which it cannot be. */
function divergence(p: Float32Array, q: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < p.length; i += 1) sum += Math.exp(p[i]) * (p[i] - q[i]);
  return Math.max(0, sum);
}

/** `count` of the items, each equally likely. */
function draw<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = [...items];
  const drawn = Math.min(count, left.length);
  for (let i = 0; i < drawn; i += 1) {
    const other = i + Math.floor(random() * (left.length - i));
    [left[i], left[other]] = [left[other], left[i]];
  }
  return left.slice(0, drawn);
}
