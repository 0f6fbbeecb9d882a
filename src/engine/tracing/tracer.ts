/** Causal traces of an open model: of a prompt, and averaged over facts the model knows. */
import { EngineError, RequestError } from '../errors.ts';
import { checkpoint, type Job } from '../job.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
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

/** Subjects of facts that the model knows, over which noise is measured; none where no such facts are there. */
export type KnownSubjects = () => Promise<readonly string[]>;

/** Facts done, of how many; those whose answer was another are among them. */
export type AverageProgress = (done: number, total: number, skipped: number) => void;

export class Tracer {
  readonly #model: LanguageModel;
  readonly #tokenizer: ModelTokenizer;
  readonly #knownSubjects: KnownSubjects;
  /** Of the subjects that it was last measured over. */
  #knownNoise: { readonly subjects: string; readonly noise: Promise<number> } | null = null;

  constructor(model: LanguageModel, tokenizer: ModelTokenizer, knownSubjects: KnownSubjects) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#knownSubjects = knownSubjects;
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
    const prompt = fillPrompt(fact.prompt, fact.subject);
    const [wanted] = this.#tokenizer.encodeAfter(prompt, answerText(fact.object));
    return tracePrompt(this.#model, weights, this.locate(fact), resolved, job, {
      ...progress,
      onBaseline: (baseline) => progress.onBaseline?.(baseline) !== false && baseline.answer === wanted,
    });
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

  /** The noise where settings leave it open: over the subjects the model knows facts of, or over `subjects` where there are none. */
  async noiseOver(subjects: readonly string[]): Promise<number> {
    const known = await this.#knownSubjects();
    if (known.length === 0) return subjectNoise(this.#model, this.#tokenizer, subjects);
    const key = known.join('\n');
    if (this.#knownNoise?.subjects !== key) {
      this.#knownNoise = { subjects: key, noise: subjectNoise(this.#model, this.#tokenizer, known) };
    }
    return this.#knownNoise.noise;
  }
}
