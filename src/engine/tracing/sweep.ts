/**
 * All restored runs of one token, in one sweep upward through the layers. A state restored at a token changes nothing before
 * that token and nothing below the layer, so only tokens from it on are computed, and a run joins the sweep at the first layer that
 * differs from its corrupted run; what comes before is read from there.
 */
import { checkpoint, type Job } from '../job.ts';
import { gatherTokens } from '../model/forward.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import type { BlockOverrides, LanguageModel, LayerPast } from '../model/language-model.ts';
import { TokenPlaces } from '../model/token-places.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped, type TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { Part, Restoration } from './restorations.ts';
import type { RunStates } from './run-states.ts';

/** Tokens a block call takes at once, and the bytes that repeated keys and values, or logits, may take. */
const TOKENS_PER_CALL = 2048;
const BYTES_PER_CALL = 64 * 2 ** 20;

export interface SweepContext {
  readonly model: LanguageModel;
  readonly weights: WeightSet;
  readonly states: RunStates;
  readonly token: number;
}

/**
 * Runs `restorations` (ascending `from`, all below the layer count) at a token.
 * @param onAnswer gets each restoration's next-token probabilities [V], the mean over the samples
 * @returns token-layers computed
 */
export async function sweepToken(
  context: SweepContext,
  restorations: readonly Restoration[],
  job: Job,
  onAnswer: (restoration: Restoration, probabilities: Float32Array) => void,
): Promise<number> {
  let computed = 0;
  const size = runsPerCall(context);
  for (let at = 0; at < restorations.length; at += size) {
    computed += await sweepSome(context, restorations.slice(at, at + size), job, onAnswer);
  }
  return computed;
}

/** Token-layers that a sweep computes. */
export function costOfSweep(
  restorations: readonly Restoration[],
  { samples, length, token, layerCount }: { samples: number; length: number; token: number; layerCount: number },
): number {
  return restorations.reduce((sum, { from }) => sum + samples * (length - token) * (layerCount - from), 0);
}

function runsPerCall({ model, states, token }: SweepContext): number {
  const { keyValueHeadCount, headSize, vocabularySize } = model.config;
  const { samples, length } = states;
  const tokens = samples * (length - token);
  const pastBytes = samples * pastLength(token) * keyValueHeadCount * headSize * 2 * 4;
  const logitBytes = samples * vocabularySize * 4;
  return Math.max(1, Math.floor(Math.min(TOKENS_PER_CALL / tokens, BYTES_PER_CALL / Math.max(pastBytes, logitBytes))));
}

/** Cached tokens that a run attends to; the graph wants at least one, which is masked where there is none. */
function pastLength(token: number): number {
  return Math.max(1, token);
}

async function sweepSome(
  context: SweepContext,
  runs: readonly Restoration[],
  job: Job,
  onAnswer: (restoration: Restoration, probabilities: Float32Array) => void,
): Promise<number> {
  const { model, weights, states, token } = context;
  const { device } = model.runtime;
  const { layerCount, hiddenSize, vocabularySize } = model.config;
  const { samples, length } = states;
  const suffix = length - token;
  let computed = 0;
  await scoped(async (scope) => {
    let places: TokenPlaces | null = null;
    let hidden: Tensor | null = null;
    for (let layer = runs[0].from; layer < layerCount; layer += 1) {
      await checkpoint(job);
      const joining = runs.filter(({ from }) => from === layer);
      const active = runs.filter(({ from }) => from <= layer);
      if (joining.length > 0) {
        const joined = scope.track(await enter(context, joining, layer, scope));
        const previous: Tensor | null = hidden;
        hidden = previous ? scope.track(device.concat([previous, joined])) : joined;
        if (previous) {
          scope.drop(previous);
          scope.drop(joined);
        }
        if (places) scope.drop(places);
        places = scope.track(placesOfRuns(context, active.length));
      }
      const next: Tensor = await scoped(async (layerScope) => {
        const inputs = {
          hidden: hidden!,
          places: places!,
          past: await repeatPast(context, active.length, layer, layerScope),
          overrides: await overridesOf(context, active, layer, layerScope),
        };
        return (await model.block(weights, layer, inputs, [BLOCK_OUTPUTS.hidden])).hidden_out;
      });
      scope.drop(hidden!);
      hidden = scope.track(next);
      computed += active.length * samples * suffix;
    }
    const rows = runs.length * samples;
    const last = scope.track(
      await gatherTokens(
        model,
        hidden!,
        Array.from({ length: rows }, () => suffix - 1),
      ),
    );
    const means = await model.meanProbabilities(weights, last.reshaped([runs.length, samples, hiddenSize]));
    const probabilities = await readFloats(device, scope.track(means));
    runs.forEach((run, i) => {
      onAnswer(run, probabilities.subarray(i * vocabularySize, (i + 1) * vocabularySize));
    });
  });
  return computed;
}

/** The states that runs enter a layer with: [runs · samples, suffix, D]. */
async function enter(
  { model, states, token }: SweepContext,
  runs: readonly Restoration[],
  layer: number,
  scope: TensorScope,
): Promise<Tensor> {
  const { samples, length, clean } = states;
  const suffix = length - token;
  const indices = new Int32Array(runs.length * samples * suffix);
  let at = 0;
  for (const { cleanState } of runs) {
    for (let sample = 0; sample < samples; sample += 1) {
      for (let i = 0; i < suffix; i += 1) {
        indices[at] = (cleanState && i === 0 ? clean : sample) * length + token + i;
        at += 1;
      }
    }
  }
  const rows = await gather(model, states.inputOf(layer), indices, scope);
  return rows.intoShape([runs.length * samples, suffix, model.config.hiddenSize]);
}

/** The corrupted runs' keys and values before the token, repeated for every run. */
async function repeatPast(
  { model, states, token }: SweepContext,
  runs: number,
  layer: number,
  scope: TensorScope,
): Promise<LayerPast> {
  const { keyValueHeadCount: headCount, headSize } = model.config;
  const { samples, length } = states;
  const past = pastLength(token);
  const one = new Int32Array(samples * headCount * past);
  for (let head = 0, at = 0; head < samples * headCount; head += 1) {
    for (let i = 0; i < past; i += 1, at += 1) one[at] = head * length + i;
  }
  const indices = new Int32Array(runs * one.length);
  for (let run = 0; run < runs; run += 1) indices.set(one, run * one.length);
  const { key, value } = states.pastOf(layer);
  const dims = [runs * samples, headCount, past, headSize];
  const repeat = async (source: Tensor): Promise<Tensor> =>
    scope.track((await gather(model, source, indices, scope)).intoShape(dims));
  return { key: await repeat(key), value: await repeat(value) };
}

/** Where the tokens of so many runs stand: from the restored one on, after those whose keys and values are kept. */
function placesOfRuns({ model, states, token }: SweepContext, runs: number): TokenPlaces {
  const rows = runs * states.samples;
  return new TokenPlaces(model.runtime.device, model.config.contextLength, {
    rows,
    length: states.length - token,
    offsets: new Array<number>(rows).fill(token),
    past: { length: pastLength(token), positionOf: (_, place) => (place < token ? place : null) },
  });
}

/** What the parts of a layer add at the token where a run is given it; undefined where no run is. */
async function overridesOf(
  context: SweepContext,
  runs: readonly Restoration[],
  layer: number,
  scope: TensorScope,
): Promise<BlockOverrides | undefined> {
  if (runs.every(({ given }) => given('attention', layer) === null && given('mlp', layer) === null)) return undefined;
  const attention = await givenPart(context, runs, 'attention', layer, scope);
  const mlp = await givenPart(context, runs, 'mlp', layer, scope);
  return { attentionKeep: attention.keep, attentionValue: attention.value, mlpKeep: mlp.keep, mlpValue: mlp.value };
}

async function givenPart(
  { model, states, token }: SweepContext,
  runs: readonly Restoration[],
  part: Part,
  layer: number,
  scope: TensorScope,
): Promise<{ keep: Tensor; value: Tensor }> {
  const { device } = model.runtime;
  const { samples, length, clean } = states;
  const rows = runs.length * samples;
  const suffix = length - token;
  const keep = new Float32Array(rows * suffix).fill(1);
  const sources = runs.map(({ given }) => given(part, layer));
  const dims = [rows, 1, model.config.hiddenSize];
  if (sources.every((source) => source === null)) {
    const unused = scope.track(device.zeros(dims));
    return { keep: scope.track(device.upload(keep, [rows, suffix, 1])), value: unused };
  }
  const indices = new Int32Array(rows);
  sources.forEach((source, run) => {
    for (let sample = 0; sample < samples; sample += 1) {
      const row = run * samples + sample;
      if (source !== null) keep[row * suffix] = 0;
      indices[row] = (source === 'clean' ? clean : sample) * length + token;
    }
  });
  const value = await gather(model, states.partOf(part, layer), indices, scope);
  return {
    keep: scope.track(device.upload(keep, [rows, suffix, 1])),
    value: scope.track(value.intoShape(dims)),
  };
}

async function gather(model: LanguageModel, source: Tensor, indices: Int32Array, scope: TensorScope): Promise<Tensor> {
  const index = scope.track(model.runtime.device.upload(indices, [indices.length]));
  const rows = await model.linalg.gatherRows(source, index);
  scope.drop(index);
  return rows;
}
