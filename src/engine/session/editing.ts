/** Runs of editing methods: what they need is made ready, and what they leave becomes a patch. */
import { EngineError } from '../errors.ts';
import { smallest } from '../extent.ts';
import { checkpoint, type Job } from '../job.ts';
import { validateSettings, type EditingMethod, type MethodEvent, type MethodPhase } from '../methods/method.ts';
import { DEFAULT_METHOD, methodOf } from '../methods/registry.ts';
import type { EditOutcome, RunReport } from '../methods/report.ts';
import { EditedWeights, type WeightSet } from '../model/weight-set.ts';
import { addDeltas } from '../patches/apply.ts';
import type { MethodSettings, Patch } from '../patches/patch.ts';
import type { WeightDelta } from '../patches/weight-delta.ts';
import { enoughTokens } from '../statistics/second-moment.ts';
import { PLAIN_CONTEXT, validateContexts } from '../targets/contexts.ts';
import { KeptTargets } from '../targets/kept-targets.ts';
import type { TargetSettings } from '../targets/target.ts';
import { locateSubject } from '../tokens/lookup.ts';
import { validateRequest, type EditRequest } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { answersOf } from './asking.ts';
import type { ModelSession } from './session.ts';

/** What comes before a method's own phases, where it needs them. */
const CONTEXTS: MethodPhase = {
  id: 'contexts',
  label: 'Contexts',
  purpose: 'short sentences to put before the prompts',
};
const STATISTICS: MethodPhase = {
  id: 'statistics',
  label: 'Statistics',
  purpose: 'what ordinary text looks like to the layers',
};

const CHECK: MethodPhase = {
  id: 'check',
  label: 'Check',
  purpose: 'which of the new objects the model now says',
};

/** Requests that are tokenised between two checkpoints: thousands take seconds. */
const TOKENISED_AT_ONCE = 64;

/** Of edits that cannot take so many are named. */
const MOST_OBJECTIONS = 3;

/** The phases of a run of a method with these settings, in order. */
export function phasesOf(method: EditingMethod, settings: MethodSettings): MethodPhase[] {
  const { contextSeed, secondMoments } = method.needs(settings);
  return [
    ...(contextSeed === null ? [] : [CONTEXTS]),
    ...(secondMoments.length === 0 ? [] : [STATISTICS]),
    ...method.phases,
    CHECK,
  ];
}

export interface EditOptions {
  /** Id of the method; MEMIT when absent. */
  readonly method?: string;
  /** Used instead of those the model writes with the settings' seed. */
  readonly contexts?: readonly string[];
  /**
   * Tokens of text behind the statistics of every layer, where its text has so many; ten a row of C when absent. Statistics over fewer
   * are gone on with.
   */
  readonly statisticsTokens?: number;
  /** Starts from the model as it came, not from the enabled patches. */
  readonly unedited?: boolean;
  /** Searches every target, also those that an earlier run found. */
  readonly fresh?: boolean;
  readonly job?: Job;
  readonly onEvent?: (event: MethodEvent) => void;
}

/**
 * Runs a method on top of the enabled patches and returns the patch; the stack is not touched.
 * @throws RequestError, EngineError ('input' | 'statistics' | 'numeric'), NotPositiveDefiniteError, CancelledError
 */
export async function runEdit(
  session: ModelSession,
  requests: readonly EditRequest[],
  wanted: MethodSettings,
  options: EditOptions = {},
): Promise<Patch> {
  const { contexts, unedited = false, fresh = false, job = {}, onEvent = () => undefined } = options;
  const { model, tokenizer, covariances } = session;
  const method = methodOf(options.method ?? DEFAULT_METHOD, session.methods);
  const settings = validateSettings(method, wanted, model.config);
  // Before the contexts and the statistics, which can take minutes.
  await validateRequests(requests, tokenizer, model.config.contextLength, job);
  for (const text of objectionsTo(session, method, settings, requests)) onEvent({ kind: 'note', text });
  const { contextSeed, secondMoments } = method.needs(settings);
  const seconds: Record<string, number> = {};
  const clock = stopwatch();
  const phase = ({ id }: MethodPhase, done: number, total: number, detail: string): void =>
    onEvent({ kind: 'phase', phase: id, done, total, detail });

  let templates: readonly string[] = [PLAIN_CONTEXT];
  if (contextSeed !== null) {
    phase(CONTEXTS, 0, 1, '');
    templates = contexts ? validateContexts(contexts) : await session.contexts(contextSeed, job.signal);
    await checkpoint(job);
    seconds.contexts = clock();
    phase(CONTEXTS, 1, 1, `${templates.length} context templates`);
  }
  let statisticsTokens = 0;
  if (secondMoments.length > 0) {
    await covariances.prepare(secondMoments, {
      tokens: options.statisticsTokens ?? enoughTokens(model.config.intermediateSize),
      signal: job.signal,
      onProgress: async (done, total) => {
        phase(STATISTICS, done, total, `${done.toLocaleString('en')} of ${total.toLocaleString('en')} tokens`);
        await checkpoint(job);
      },
    });
    seconds.statistics = clock();
    statisticsTokens = smallest(secondMoments.map((layer) => covariances.tokensOf(layer)));
    phase(STATISTICS, 1, 1, `${statisticsTokens.toLocaleString('en')} tokens`);
  }

  const weights = unedited ? model.weights : await session.weights();
  let kept: KeptTargets | null = null;
  const { targetStore } = session;
  const keptTargets = async (search: string, target: TargetSettings): Promise<KeptTargets> => {
    const patches = unedited ? [] : session.stack.enabled.map(({ id }) => id);
    const { hiddenSize: width } = model.config;
    const basis = { modelHash: session.hash, patches, contexts: templates, search, settings: target, width };
    kept = await KeptTargets.open(targetStore!, basis, fresh);
    return kept;
  };
  const context = {
    model,
    tokenizer,
    weights,
    contexts: templates,
    statistics: covariances,
    ...(targetStore && { keptTargets }),
  };
  clock();
  const result = await method.run(context, requests, settings, job, onEvent).catch((error: unknown) => {
    if (error instanceof EngineError) tellKept(error, kept, requests.length);
    throw error;
  });
  const found = kept as KeptTargets | null;
  if (found?.failure) onEvent({ kind: 'note', text: `${found.failure.message} ${found.failure.next}` });
  clock();
  const outcomes = await outcomesOf(session, weights, result.deltas, requests, job, (done) => {
    phase(CHECK, done, 2 * requests.length, '');
  });
  phase(CHECK, 1, 1, `${outcomes.filter(({ says }) => says).length} of ${requests.length} are said`);
  const report: RunReport = {
    losses: result.losses,
    layers: result.layers,
    ...(result.residuals && { residuals: result.residuals }),
    statisticsTokens,
    keptTargets: found?.found ?? 0,
    outcomes,
    backend: session.backend.name,
    seconds: { ...seconds, ...result.seconds, check: clock() },
  };
  return {
    id: crypto.randomUUID(),
    name: patchName(requests),
    createdAt: new Date().toISOString(),
    modelHash: session.hash,
    modelName: session.name,
    method: method.id,
    requests: [...requests],
    settings,
    contexts: [...templates],
    deltas: result.deltas,
    report,
  };
}

/**
 * Refuses an empty list and every request that cannot be edited.
 * @throws EngineError ('input'), RequestError, CancelledError
 */
async function validateRequests(
  requests: readonly EditRequest[],
  tokenizer: ModelTokenizer,
  contextLength: number,
  job: Job,
): Promise<void> {
  if (requests.length === 0) throw new EngineError('input', 'There is no edit to make.', { next: 'Add an edit.' });
  for (const [i, request] of requests.entries()) {
    if (i % TOKENISED_AT_ONCE === 0) await checkpoint(job);
    validateRequest(request, tokenizer, contextLength);
  }
}

/**
 * What the method has against some of the edits, a sentence each of the first ones.
 * @throws EngineError ('input') when it has something against all of them
 */
function objectionsTo(
  { model, tokenizer }: ModelSession,
  method: EditingMethod,
  settings: MethodSettings,
  requests: readonly EditRequest[],
): string[] {
  const objections = requests.flatMap(({ prompt, subject }, i) => {
    const objection = method.objection?.(locateSubject(tokenizer, prompt, subject), settings, model.config) ?? null;
    return objection === null ? [] : [`The edit of “${subject}” (${i + 1}) cannot take. ${objection}`];
  });
  if (objections.length === requests.length) {
    throw new EngineError('input', objections[0], {
      kept: 'Nothing was run.',
      next: 'Choose earlier layers, as the preset does.',
    });
  }
  const more = objections.length - MOST_OBJECTIONS;
  return [
    ...objections.slice(0, MOST_OBJECTIONS),
    ...(more > 0 ? [`Nor can ${more} other edits, for the same reason.`] : []),
  ];
}

/** Asks the model without the deltas and as they leave it. */
async function outcomesOf(
  session: ModelSession,
  weights: WeightSet,
  deltas: readonly WeightDelta[],
  requests: readonly EditRequest[],
  { signal }: Job,
  onAsked: (done: number) => void,
): Promise<EditOutcome[]> {
  onAsked(0);
  const before = await answersOf(session, weights, requests, signal, onAsked);
  const edited = new EditedWeights(weights);
  try {
    await addDeltas(session.model, edited, deltas);
    const answers = await answersOf(session, edited, requests, signal, (done) => onAsked(requests.length + done));
    return answers.map(({ says, probability, top }, i) => ({
      saidBefore: before[i].says,
      probabilityBefore: before[i].probability,
      says,
      probability,
      top: session.tokenizer.tokenText(top[0].id),
    }));
  } finally {
    edited.dispose();
  }
}

/** A run that fails leaves the targets that it found. */
function tellKept(error: EngineError, kept: KeptTargets | null, edits: number): void {
  if (!kept || kept.count === 0) return;
  error.alsoKept(`Of ${edits} edits the targets of ${kept.count} are found and kept: the same run goes on from them.`);
}

/** "Danielle Darrieux → English and 2 more". */
function patchName(requests: readonly EditRequest[]): string {
  const [first] = requests;
  const more = requests.length > 1 ? ` and ${requests.length - 1} more` : '';
  return `${first.subject} → ${first.targetNew.trim()}${more}`;
}

/** Seconds since the last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
