/**
 * Causal trace of one prompt: how much of the answer comes back when one state of a corrupted run is restored.
 * Meng et al., "Locating and Editing Factual Associations in GPT" (2022), section 2.1; reference: experiments/causal_trace.py.
 */
import { RequestError, throwIfCancelled } from '../errors.ts';
import { checkpoint, type Job } from '../job.ts';
import { argmax } from '../model/sampling.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { restorationsOf, type Part, type Restoration } from './restorations.ts';
import { bytesOfStates, drawNoise, RunStates, type Prompt } from './run-states.ts';
import { gaussianOf, gridsOf, type GridSpec, type TraceSettings } from './settings.ts';
import { costOfSweep, sweepToken } from './sweep.ts';

/** Bytes of kept states. */
export interface TraceMemory {
  /** Up to which samples run together; more are run in groups, one after the other. */
  readonly group: number;
  /** Above which a prompt is refused, when one sample alone would take them. */
  readonly largest: number;
}

export const TRACE_MEMORY: TraceMemory = { group: 512 * 2 ** 20, largest: 2 ** 30 };

/** What is known before anything is restored. */
export interface TraceBaseline {
  readonly grids: readonly GridSpec[];
  /** Next-token probabilities of the clean run, [V]. */
  readonly clean: Float32Array;
  /** The clean run's most probable token, whose probability is followed. */
  readonly answer: number;
  /** P(answer) in the clean run. */
  readonly high: number;
  /** P(answer) with the subject corrupted, mean over the samples. */
  readonly low: number;
  readonly noise: number;
}

/** One token of one grid. */
export interface TracedToken {
  readonly grid: number;
  readonly token: number;
  /** P(answer) per layer, mean over the samples. */
  readonly scores: readonly number[];
  /** The most probable token per layer, of the probabilities averaged over the samples. */
  readonly says: readonly number[];
}

export interface TraceCost {
  /** Token-layers computed. */
  readonly computed: number;
  /** Token-layers of the plain method: a pass over clean and corrupted runs per grid, token and layer. */
  readonly plain: number;
}

export interface PromptTrace extends TraceBaseline {
  /** [grid][token][layer]: P(answer), mean over the samples. */
  readonly scores: readonly (readonly (readonly number[])[])[];
  /** [grid][token][layer]: the most probable token. */
  readonly says: readonly (readonly (readonly number[])[])[];
  readonly cost: TraceCost;
}

export interface TraceProgress {
  /** Returns false to go no further, as when the model does not know the fact. */
  onBaseline?: (baseline: TraceBaseline) => boolean;
  onToken?: (traced: TracedToken) => void;
  /** In token-layers. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Traces one prompt with the model's weights as given.
 * @param settings with the standard deviation of the noise
 * @returns null when `progress.onBaseline` said to go no further
 * @throws RequestError when one sample's states exceed `memory.largest`, CancelledError
 */
export async function tracePrompt(
  model: LanguageModel,
  weights: WeightSet,
  prompt: Prompt,
  settings: TraceSettings & { noise: number },
  job: Job,
  progress: TraceProgress = {},
  memory: TraceMemory = TRACE_MEMORY,
): Promise<PromptTrace | null> {
  const { layerCount, hiddenSize } = model.config;
  const length = prompt.ids.length;
  const [start, end] = prompt.subject;
  const grids = gridsOf(settings);
  const restorations = restorationsOf(grids, layerCount, settings.window);
  const groups = groupsOf(model, length, settings.samples, memory);
  const perSample = (end - start) * hiddenSize;
  const noise = drawNoise(gaussianOf(settings), settings.noise, settings.samples * perSample);
  const parts = partsOf(grids);
  const statesOf = ({ first, count }: Group): Promise<RunStates> =>
    RunStates.run(
      model,
      weights,
      prompt,
      noise.subarray(first * perSample, (first + count) * perSample),
      count,
      parts,
      job,
    );

  const tokens = Array.from({ length: length - start }, (_, i) => start + i);
  const passes = groups.length > 1 ? 1 + tokens.length : 1;
  const passCost = groups.reduce((sum, { count }) => sum + (count + 1) * length * layerCount, 0);
  const sweepCost = tokens.reduce(
    (sum, token) => sum + costOfSweep(restorations, { samples: settings.samples, length, token, layerCount }),
    0,
  );
  const total = passes * passCost + sweepCost;
  let computed = 0;
  const advance = (cost: number): void => {
    computed += cost;
    progress.onProgress?.(computed, total);
  };

  // With one group its states serve every token; with several they are run anew, since only one group's are kept at a time.
  let kept: RunStates | null = null;
  try {
    const clean = new Float32Array(model.config.vocabularySize);
    const corrupted = new Float32Array(model.config.vocabularySize);
    for (const group of groups) {
      const states = await statesOf(group);
      kept = states;
      const answers = await states.answers(model, weights);
      clean.set(answers.clean);
      accumulate(corrupted, answers.corrupted, group.count / settings.samples);
      if (groups.length > 1) states.dispose();
    }
    advance(passCost);
    const answer = argmax(clean);
    const baseline = {
      grids,
      clean,
      answer,
      high: clean[answer],
      low: corrupted[answer],
      noise: settings.noise,
    };
    if (progress.onBaseline?.(baseline) === false) return null;

    const unchanged = { score: baseline.low, says: argmax(corrupted) };
    const cells = grids.map(() => Array.from({ length }, () => Array.from({ length: layerCount }, () => unchanged)));
    const tell = (token: number): void => {
      grids.forEach((_, grid) => {
        const row = cells[grid][token];
        progress.onToken?.({ grid, token, scores: row.map(({ score }) => score), says: row.map(({ says }) => says) });
      });
    };
    // Nothing that comes before the subject differs between the runs.
    for (let token = 0; token < start; token += 1) tell(token);
    for (const token of tokens) {
      const answers = new Map<Restoration, Float32Array>();
      for (const group of groups) {
        const states = groups.length > 1 ? await statesOf(group) : kept!;
        try {
          const share = group.count / settings.samples;
          const running = restorations.filter(({ from }) => from < layerCount);
          const cost = await sweepToken({ model, weights, states, token }, running, job, (run, probabilities) => {
            const mean = answers.get(run) ?? new Float32Array(probabilities.length);
            answers.set(run, accumulate(mean, probabilities, share));
          });
          advance(cost + (groups.length > 1 ? (group.count + 1) * length * layerCount : 0));
        } finally {
          if (groups.length > 1) states.dispose();
        }
      }
      for (const run of restorations) {
        // A state restored after the last layer is the answer itself, or is never read.
        const probabilities = answers.get(run) ?? (token === length - 1 ? clean : corrupted);
        const cell = { score: probabilities[answer], says: argmax(probabilities) };
        for (const { grid, layer } of run.cells) cells[grid][token][layer] = cell;
      }
      tell(token);
      await checkpoint(job);
    }
    throwIfCancelled(job.signal);
    return {
      ...baseline,
      scores: cells.map((rows) => rows.map((row) => row.map(({ score }) => score))),
      says: cells.map((rows) => rows.map((row) => row.map(({ says }) => says))),
      cost: { computed, plain: grids.length * length * layerCount * (settings.samples + 1) * length * layerCount },
    };
  } finally {
    kept?.dispose();
  }
}

interface Group {
  readonly first: number;
  readonly count: number;
}

/** The samples in groups whose kept states stay within their bytes. @throws RequestError when one sample's do not */
function groupsOf(model: LanguageModel, length: number, samples: number, { group, largest }: TraceMemory): Group[] {
  const least = bytesOfStates(model, length, 2);
  if (least > largest) {
    throw new RequestError(
      'prompt',
      `Tracing ${length} tokens of this model would keep ${(least / 2 ** 30).toFixed(1)} GB of states.`,
      { next: 'Use a shorter prompt.' },
    );
  }
  const perRun = bytesOfStates(model, length, 1);
  const size = Math.min(samples, Math.max(1, Math.floor(group / perRun) - 1));
  return Array.from({ length: Math.ceil(samples / size) }, (_, i) => ({
    first: i * size,
    count: Math.min(size, samples - i * size),
  }));
}

/** The parts whose outputs the grids are given at some layer. */
function partsOf(grids: readonly GridSpec[]): ReadonlySet<Part> {
  const parts = new Set<Part>();
  for (const { kind, severed } of grids) {
    if (kind !== 'hidden') parts.add(kind);
    if (severed !== 'none') parts.add(severed);
  }
  return parts;
}

/** sum += share · values, in place. */
function accumulate(sum: Float32Array, values: Float32Array, share: number): Float32Array {
  for (let i = 0; i < sum.length; i += 1) sum[i] += share * values[i];
  return sum;
}
