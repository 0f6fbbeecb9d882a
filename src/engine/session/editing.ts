/** Runs of editing methods: what they need is made ready, and what they leave becomes a patch. */
import { EngineError } from '../errors.ts';
import { checkpoint, type Job } from '../job.ts';
import { validateSettings, type EditingMethod, type MethodEvent, type MethodPhase } from '../methods/method.ts';
import { DEFAULT_METHOD, methodOf } from '../methods/registry.ts';
import type { RunReport } from '../methods/report.ts';
import type { MethodSettings, Patch } from '../patches/patch.ts';
import { enoughTokens } from '../statistics/second-moment.ts';
import { PLAIN_CONTEXT, validateContexts } from '../targets/contexts.ts';
import { validateRequest, type EditRequest } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
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

/** The phases of a run of a method with these settings, in order. */
export function phasesOf(method: EditingMethod, settings: MethodSettings): MethodPhase[] {
  const { contextSeed, secondMoments } = method.needs(settings);
  return [
    ...(contextSeed === null ? [] : [CONTEXTS]),
    ...(secondMoments.length === 0 ? [] : [STATISTICS]),
    ...method.phases,
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
  const { contexts, unedited = false, job = {}, onEvent = () => undefined } = options;
  const { model, tokenizer, covariances } = session;
  const method = methodOf(options.method ?? DEFAULT_METHOD, session.methods);
  const settings = validateSettings(method, wanted, model.config);
  // Before the contexts and the statistics, which can take minutes.
  validateRequests(requests, tokenizer, model.config.contextLength);
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
    statisticsTokens = Math.min(...secondMoments.map((layer) => covariances.tokensOf(layer)));
    phase(STATISTICS, 1, 1, `${statisticsTokens.toLocaleString('en')} tokens`);
  }

  const weights = unedited ? model.weights : await session.weights();
  const context = { model, tokenizer, weights, contexts: templates, statistics: covariances };
  const result = await method.run(context, requests, settings, job, onEvent);
  const report: RunReport = {
    losses: result.losses,
    layers: result.layers,
    statisticsTokens,
    backend: session.backend.name,
    seconds: { ...seconds, ...result.seconds },
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
 * @throws EngineError ('input'), RequestError
 */
function validateRequests(requests: readonly EditRequest[], tokenizer: ModelTokenizer, contextLength: number): void {
  if (requests.length === 0) throw new EngineError('input', 'There is no edit to make.', { next: 'Add an edit.' });
  for (const request of requests) validateRequest(request, tokenizer, contextLength);
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
