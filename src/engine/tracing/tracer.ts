/** Causal traces of an open model: of a prompt, and averaged over facts the model knows. */
import { EngineError, RequestError } from '../errors.ts';
import { checkpoint, type Job } from '../job.ts';
import { seededRandom } from '../random.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { Fact, FactList } from '../tokens/fact-list.ts';
import { locateSubject } from '../tokens/lookup.ts';
import { answerText, fillPrompt } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { TraceAverage, type AverageTrace } from './average.ts';
import type { Prompt } from './run-states.ts';
import { gridsOf, validateTraceSettings, type TraceSettings } from './settings.ts';
import { subjectNoise } from './subject-noise.ts';
import { tracePrompt, type PromptTrace, type TraceProgress } from './trace.ts';

export interface TraceRequest {
  /** Holds exactly one {} for the subject. */
  readonly prompt: string;
  readonly subject: string;
}

/** A fact to be averaged over; the trace counts when the model's answer begins as `object` does. */
export interface TraceFact extends TraceRequest {
  readonly object: string;
}

/** Facts done, of how many; those whose answer was another are among them. */
export type AverageProgress = (done: number, total: number, skipped: number) => void;

export class Tracer {
  readonly #model: LanguageModel;
  readonly #tokenizer: ModelTokenizer;
  readonly #facts: FactList | null;
  #knownNoise: Promise<number> | null = null;

  constructor(model: LanguageModel, tokenizer: ModelTokenizer, facts: FactList | null) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#facts = facts;
  }

  /**
   * The tokens of a prompt and which of them are the subject's.
   * @throws RequestError when the subject is empty or not found, the prompt has not one {}, or is longer than the context
   */
  locate({ prompt, subject }: TraceRequest): Prompt {
    if (subject.trim() === '') throw new RequestError('subject', 'The subject is empty.');
    const { ids, subjectRange } = locateSubject(this.#tokenizer, prompt, subject.trim());
    const { contextLength } = this.#model.config;
    if (ids.length > contextLength) {
      throw new RequestError(
        'prompt',
        `“${fillPrompt(prompt, subject)}” takes ${ids.length} tokens; the model reads ${contextLength}.`,
        { next: 'Use a shorter prompt.' },
      );
    }
    return { ids, subject: subjectRange };
  }

  /**
   * Traces one prompt.
   * @param weights of the model as it is asked about, patches included
   * @throws RequestError, EngineError ('input'), CancelledError
   */
  async trace(
    request: TraceRequest,
    settings: TraceSettings,
    weights: WeightSet,
    job: Job,
    progress: TraceProgress = {},
  ): Promise<PromptTrace> {
    const resolved = await this.#resolve(settings, [request.subject]);
    const trace = await tracePrompt(this.#model, weights, this.locate(request), resolved, job, progress);
    return trace!;
  }

  /**
   * As {@link trace}, but returns null, after the clean and corrupted runs, when the model's answer does not begin as the fact's object.
   */
  async traceKnown(
    fact: TraceFact,
    settings: TraceSettings,
    weights: WeightSet,
    job: Job,
    progress: TraceProgress = {},
  ): Promise<PromptTrace | null> {
    const resolved = await this.#resolve(settings, [fact.subject]);
    const [wanted] = this.#tokenizer.encode(answerText(fact.object), { special: false });
    return tracePrompt(this.#model, weights, this.locate(fact), resolved, job, {
      ...progress,
      onBaseline: (baseline) => progress.onBaseline?.(baseline) !== false && baseline.answer === wanted,
    });
  }

  /**
   * `count` facts that the model's list says it knows, each equally likely; the same ones for the same seed.
   * @throws EngineError ('input') when the list has fewer, or there is none
   */
  drawFacts(count: number, seed: number): TraceFact[] {
    const known = (this.#facts?.relations ?? []).flatMap(({ templates, facts }) =>
      facts
        .filter((fact) => fact.known)
        .map(({ subject, object }: Fact) => ({ prompt: templates[0], subject, object })),
    );
    if (known.length < count) {
      const words = known.length === 0 ? 'came without a list of facts it knows' : `knows ${known.length} facts`;
      throw new EngineError('input', `The model ${words}; ${count} were asked for.`);
    }
    const random = seededRandom(seed);
    for (let i = 0; i < count; i += 1) {
      const other = i + Math.floor(random() * (known.length - i));
      [known[i], known[other]] = [known[other], known[i]];
    }
    return known.slice(0, count);
  }

  /**
   * Averages over facts of the unedited model; those whose answer is not the known object are skipped and counted.
   * @throws EngineError ('input') when every fact was skipped, and as {@link trace}
   */
  async average(
    facts: readonly TraceFact[],
    settings: TraceSettings,
    job: Job,
    onProgress: AverageProgress = () => undefined,
  ): Promise<AverageTrace & { noise: number }> {
    const subjects = facts.map(({ subject }) => subject);
    const resolved = await this.#resolve(settings, subjects);
    const average = new TraceAverage(gridsOf(resolved), this.#model.config.layerCount);
    for (const [done, fact] of facts.entries()) {
      onProgress(done, facts.length, average.skipped);
      await checkpoint(job);
      const trace = await this.traceKnown(fact, resolved, this.#model.weights, job);
      const { ids, subject } = this.locate(fact);
      if (trace) average.add(trace, ids.length, subject);
      else average.skip();
    }
    onProgress(facts.length, facts.length, average.skipped);
    if (average.facts === 0) {
      throw new EngineError('input', `The model answers none of the ${facts.length} facts as its list says.`, {
        next: 'Choose other facts or another seed.',
      });
    }
    return { ...average.result(), noise: resolved.noise };
  }

  async #resolve(settings: TraceSettings, subjects: readonly string[]): Promise<TraceSettings & { noise: number }> {
    const valid = validateTraceSettings(settings);
    return { ...valid, noise: valid.noise ?? (await this.noiseOver(subjects)) };
  }

  /** The noise where settings leave it open: over the subjects the model knows facts of, or over `subjects` where it came without facts. */
  noiseOver(subjects: readonly string[]): Promise<number> {
    const known = (this.#facts?.relations ?? []).flatMap(({ facts }) =>
      facts.filter((fact) => fact.known).map(({ subject }) => subject),
    );
    if (known.length === 0) return subjectNoise(this.#model, this.#tokenizer, subjects);
    this.#knownNoise ??= subjectNoise(this.#model, this.#tokenizer, known);
    return this.#knownNoise;
  }
}
