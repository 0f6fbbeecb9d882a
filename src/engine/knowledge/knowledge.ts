/**
 * What a model can be asked, and what of it it is known to know: its own files (facts.json, benchmark.json, held-out.txt) where it came with
 * them, else the data that ship with the playground, of which the model is asked once.
 */
import { drawKnownRecords, inRandomOrder } from '../evaluation/benchmark.ts';
import { importRecords } from '../evaluation/import.ts';
import type { EvaluationRecord } from '../evaluation/records.ts';
import { EngineError } from '../errors.ts';
import type { Job } from '../job.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { seededRandom } from '../random.ts';
import { optionalText, type ModelSource } from '../sources/model-source.ts';
import type { FactList } from '../tokens/fact-list.ts';
import type { KnownFact } from '../tokens/known-fact.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { Answers, type AnswerStore, type RecordAnswer } from './answers.ts';
import { ASKED_AT_ONCE, askPrompts, askRecords } from './asking.ts';
import { recordOf } from './records.ts';
import type { FactPrompt, FactRecord, ReferenceData, ReferenceFacts } from './reference-data.ts';

/** Where something comes from: the model's own files, the data that ship, or nowhere. */
export type Origin = 'model' | 'shipped' | 'none';

/** How much of the data that ship was asked, and how it was answered. */
export interface KnowledgeCounts {
  /** Of known_1000; known: the object is the model's own answer. */
  readonly prompts: { readonly asked: number; readonly known: number; readonly of: number };
  /** Of CounterFact; preferred: P(true) > P(new); top: the true object is the model's own answer. */
  readonly records: { readonly asked: number; readonly preferred: number; readonly top: number; readonly of: number };
}

export type KnowledgeProgress = (asking: 'prompts' | 'records', done: number, total: number) => void;

export interface KnowledgeParts {
  readonly source: ModelSource;
  /** Of the model, under which answers are kept. */
  readonly hash: string;
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  /** The model's own; null where it came without. */
  readonly facts: FactList | null;
  /** Null where none ship. */
  readonly data: ReferenceData | null;
  readonly store: AnswerStore | null;
}

/** Batches between two savings: a tab that is closed loses less than a minute. */
const BATCHES_PER_SAVE = 8;
/** Draws the order in which records are asked, so that any number of them is a fair sample. */
const ASKING_SEED = 0;

export class Knowledge {
  readonly #parts: KnowledgeParts;
  /** Of the data that ship; null where they are not needed, or none ship. */
  readonly #shipped: ReferenceFacts | null;
  #answers: Promise<Answers> | null = null;
  #ownRecords: Promise<readonly EvaluationRecord[] | null> | null = null;

  private constructor(parts: KnowledgeParts, shipped: ReferenceFacts | null) {
    this.#parts = parts;
    this.#shipped = shipped;
  }

  /** @throws DownloadError when the relations that ship cannot be read */
  static async open(parts: KnowledgeParts): Promise<Knowledge> {
    const { facts, data } = parts;
    return new Knowledge(parts, facts === null && data ? await data.facts() : null);
  }

  /** Relations with their wordings; null where there are none. */
  get facts(): FactList | null {
    return this.#parts.facts ?? this.#shipped?.list ?? null;
  }

  /** Where the relations and the known facts come from. */
  get origin(): Origin {
    if (this.#parts.facts !== null) return 'model';
    return this.#shipped ? 'shipped' : 'none';
  }

  /** What was asked so far of the data that ship; null where none do. @throws DownloadError */
  async counts(): Promise<KnowledgeCounts | null> {
    const { data } = this.#parts;
    if (!data) return null;
    const { prompts: promptCount, records: recordCount } = await data.facts();
    const answers = await this.#loadAnswers();
    const records = [...answers.records.values()];
    return {
      prompts: {
        asked: answers.prompts.size,
        known: [...answers.prompts.values()].filter(Boolean).length,
        of: promptCount,
      },
      records: {
        asked: records.length,
        preferred: records.filter(({ preferred }) => preferred).length,
        top: records.filter(({ top }) => top).length,
        of: recordCount,
      },
    };
  }

  /**
   * Asks the model all prompts of known_1000 and so many records of CounterFact; what was asked before is not asked again, and what was asked
   * by the time of a failure or a cancel is kept.
   * @throws EngineError ('input') where no data ship; DownloadError, CancelledError
   */
  async find(records: number, job: Job = {}, onProgress: KnowledgeProgress = () => undefined): Promise<void> {
    const data = this.#shippedData();
    await this.#findPrompts(data, job, onProgress);
    if (records === 0) return;
    const all = inRandomOrder(await data.records(), ({ id }) => String(id), ASKING_SEED);
    await this.#ask(all.slice(0, records), (some) => this.#askRecords(some, job), 'records', onProgress);
  }

  /** Of what was asked of the data that ship so far: the prompts that are answered, the records whose true object is preferred. */
  async found(): Promise<{ readonly prompts: FactPrompt[]; readonly records: FactRecord[] }> {
    const data = this.#shippedData();
    const answers = await this.#loadAnswers();
    return {
      prompts: (await data.prompts()).filter(({ id }) => answers.prompts.get(id)),
      records: (await data.records()).filter(({ id }) => answers.records.get(id)?.preferred),
    };
  }

  /**
   * The facts that the model knows: those that its own list says it knows; else the prompts that it answers, which are asked first where
   * that was not done, and the records found so far that it answers; none where neither is there.
   * @throws DownloadError, CancelledError
   */
  async known(job: Job = {}, onProgress: KnowledgeProgress = () => undefined): Promise<KnownFact[]> {
    const own = this.#parts.facts?.known() ?? [];
    const { data } = this.#parts;
    if (own.length > 0 || !data) return own;
    const facts = await this.#knownPrompts(job, onProgress);
    const answers = await this.#loadAnswers();
    if (![...answers.records.values()].some(({ top }) => top)) return facts;
    const asked = new Set(facts.map(({ prompt, subject }) => `${prompt}\n${subject}`));
    for (const { id, prompt, subject, targetTrue, relationId } of await data.records()) {
      if (!answers.records.get(id)?.top || asked.has(`${prompt}\n${subject}`)) continue;
      facts.push(this.#knownFact(prompt, subject, targetTrue, relationId));
    }
    return facts;
  }

  /**
   * `count` facts that the model knows, each equally likely; the same ones for the same seed. Of the data that ship those of known_1000, as
   * the reference traces them.
   * @throws EngineError ('input') where there are fewer; DownloadError, CancelledError
   */
  async drawFacts(
    count: number,
    seed: number,
    job: Job = {},
    onProgress: KnowledgeProgress = () => undefined,
  ): Promise<KnownFact[]> {
    const own = this.#parts.facts?.known() ?? [];
    const known = own.length > 0 ? own : await this.#knownPrompts(job, onProgress);
    if (known.length < count) {
      throw new EngineError('input', `The model knows ${known.length} facts; ${count} were asked for.`);
    }
    const random = seededRandom(seed);
    for (let i = 0; i < count; i += 1) {
      const other = i + Math.floor(random() * (known.length - i));
      [known[i], known[other]] = [known[other], known[i]];
    }
    return known.slice(0, count);
  }

  /**
   * Subjects whose embeddings say how strong the noise of traces is: of the facts that the model knows; of all prompts of known_1000 while
   * it was not asked for them; none where there are none.
   * @throws DownloadError
   */
  async subjects(): Promise<readonly string[]> {
    const own = this.#parts.facts?.known() ?? [];
    if (own.length > 0) return own.map(({ subject }) => subject);
    const prompts = (await this.#parts.data?.prompts()) ?? [];
    const answers = await this.#loadAnswers();
    const known = prompts.every(({ id }) => answers.prompts.has(id))
      ? prompts.filter(({ id }) => answers.prompts.get(id))
      : [];
    return (known.length === 0 ? prompts : known).map(({ subject }) => subject);
  }

  /**
   * `count` records of facts that the model knows, no subject twice; the same ones for the same seed. The model's own (benchmark.json) whose
   * true object is its own answer; else CounterFact's whose true object it finds more probable than the new one.
   * @throws EngineError ('input') where there are fewer, or none; DownloadError, CancelledError
   */
  async drawRecords(
    count: number,
    seed: number,
    job: Job = {},
    onProgress: KnowledgeProgress = () => undefined,
  ): Promise<{ readonly records: EvaluationRecord[]; readonly origin: Origin }> {
    const { model, tokenizer } = this.#parts;
    const own = await this.ownRecords(job.signal);
    if (own) {
      const records = await drawKnownRecords(model, tokenizer, model.weights, own, count, seed, job);
      return { records, origin: 'model' };
    }
    const data = this.#shippedData('This model came without records of facts it knows (benchmark.json).');
    const answers = await this.#loadAnswers();
    const order = inRandomOrder(await data.records(), ({ subject }) => subject, seed);
    const drawn: FactRecord[] = [];
    for (let at = 0; at < order.length && drawn.length < count; at += ASKED_AT_ONCE) {
      onProgress('records', drawn.length, count);
      const some = order.slice(at, at + ASKED_AT_ONCE);
      const unasked = some.filter(({ id }) => !answers.records.has(id));
      if (unasked.length > 0) await this.#askRecords(unasked, job);
      for (const record of some) if (answers.records.get(record.id)?.preferred) drawn.push(record);
    }
    await this.#save();
    if (drawn.length < count) {
      throw new EngineError(
        'input',
        `${count} records were asked for; there are ${drawn.length} of CounterFact’s whose true object the model finds more probable.`,
      );
    }
    const { list } = await data.facts();
    return { records: drawn.slice(0, count).map((record) => recordOf(record, list)), origin: 'shipped' };
  }

  /**
   * The records that came with the model (benchmark.json), read when they are first wanted; null where there are none.
   * @throws EngineError ('input') when the file holds none that can be used; DownloadError, CancelledError
   */
  ownRecords(signal?: AbortSignal): Promise<readonly EvaluationRecord[] | null> {
    this.#ownRecords ??= this.#readRecords(signal).catch((error: unknown) => {
      this.#ownRecords = null;
      throw error;
    });
    return this.#ownRecords;
  }

  /** Sentences to measure perplexity by: held-out.txt beside the model, else Wikipedia's that ship; none where there are none. */
  async sentences(signal?: AbortSignal): Promise<string[]> {
    const { source, data } = this.#parts;
    const text = (await optionalText(source, 'held-out.txt', signal)) ?? (await data?.heldOutText()) ?? '';
    return text.split(/\r?\n/).filter((line) => line.trim() !== '');
  }

  async #readRecords(signal?: AbortSignal): Promise<readonly EvaluationRecord[] | null> {
    const text = await optionalText(this.#parts.source, 'benchmark.json', signal);
    return text === null ? null : importRecords(text).records;
  }

  /** @throws EngineError ('input') */
  #shippedData(without = 'The model came without a list of facts it knows.'): ReferenceData {
    const { data } = this.#parts;
    if (data) return data;
    throw new EngineError('input', without, { next: 'Import a file of records.' });
  }

  async #knownPrompts(job: Job, onProgress: KnowledgeProgress): Promise<KnownFact[]> {
    const data = this.#shippedData();
    await this.#findPrompts(data, job, onProgress);
    const answers = await this.#loadAnswers();
    return (await data.prompts())
      .filter(({ id }) => answers.prompts.get(id))
      .map(({ prompt, subject, object, relationId }) => this.#knownFact(prompt, subject, object, relationId));
  }

  async #findPrompts(data: ReferenceData, job: Job, onProgress: KnowledgeProgress): Promise<void> {
    const answers = await this.#loadAnswers();
    const ask = async (some: readonly FactPrompt[]): Promise<void> => {
      const known = await askPrompts(this.#parts, some, job);
      some.forEach(({ id }, i) => answers.prompts.set(id, known[i]));
    };
    await this.#ask(await data.prompts(), ask, 'prompts', onProgress);
  }

  async #askRecords(records: readonly FactRecord[], job: Job): Promise<void> {
    const answers = await this.#loadAnswers();
    const found = await askRecords(this.#parts, records, job);
    records.forEach(({ id }, i) => answers.records.set(id, found[i]));
  }

  /** Asks what was not asked yet, batch by batch. */
  async #ask<T extends { readonly id: number }>(
    items: readonly T[],
    ask: (some: readonly T[]) => Promise<void>,
    what: 'prompts' | 'records',
    onProgress: KnowledgeProgress,
  ): Promise<void> {
    const known: ReadonlyMap<number, boolean | RecordAnswer> = (await this.#loadAnswers())[what];
    const left = items.filter(({ id }) => !known.has(id));
    if (left.length === 0) return;
    const before = items.length - left.length;
    try {
      for (let at = 0; at < left.length; at += ASKED_AT_ONCE) {
        onProgress(what, before + at, items.length);
        await ask(left.slice(at, at + ASKED_AT_ONCE));
        if ((at / ASKED_AT_ONCE) % BATCHES_PER_SAVE === BATCHES_PER_SAVE - 1) await this.#save();
      }
    } finally {
      await this.#save();
    }
    onProgress(what, items.length, items.length);
  }

  #knownFact(prompt: string, subject: string, object: string, relationId: string | null): KnownFact {
    const relation = relationId === null ? undefined : this.facts?.relation(relationId);
    return { prompt, subject, object, relationId, relation: relation?.label ?? relationId ?? '' };
  }

  #loadAnswers(): Promise<Answers> {
    const { store, hash } = this.#parts;
    this.#answers ??= (store?.loadAnswers(hash) ?? Promise.resolve(null))
      .then((kept) => Answers.from(kept))
      .catch((error: unknown) => {
        this.#answers = null;
        throw error;
      });
    return this.#answers;
  }

  async #save(): Promise<void> {
    const { store, hash } = this.#parts;
    await store?.saveAnswers(hash, (await this.#loadAnswers()).kept());
  }
}
