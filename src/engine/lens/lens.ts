/**
 * The logit lens (nostalgebraist 2020, "interpreting GPT: the logit lens"): what the model would say if it ended after a layer. The final norm and the head
 * are put on the output of every block.
 */
import { checkpoint, type Job } from '../job.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import { batchOf, forwardRows } from '../model/forward.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { visitPlaces } from '../model/logits.ts';
import { logProbability, topTokens, type RankedToken } from '../model/sampling.ts';
import type { WeightSet } from '../model/weight-set.ts';

/** What is read of one token that was asked about. */
export interface AskedToken {
  readonly logProbability: number;
  /** How many tokens are more probable. */
  readonly rank: number;
}

/** After one layer, of what follows one token. */
export interface LensCell {
  /** Most probable first. */
  readonly top: readonly RankedToken[];
  /** In the order in which they were asked about. */
  readonly asked: readonly AskedToken[];
}

/** By token, then by layer. */
export type LensGrid = readonly (readonly LensCell[])[];

export interface LensOptions {
  /** Tokens a cell names. */
  readonly top?: number;
  /** Ids of tokens whose rank is wanted in every cell. */
  readonly asked?: readonly number[];
  readonly job?: Job;
  readonly onLayer?: (done: number, total: number) => void;
}

/** Tokens a cell names where it is not said. */
const TOP = 10;

/**
 * Reads every token of `ids` after every layer; the last layer's cells are the model's own predictions.
 * @throws CancelledError
 */
export async function readLens(
  model: LanguageModel,
  weights: WeightSet,
  ids: readonly number[],
  { top = TOP, asked = [], job = {}, onLayer }: LensOptions = {},
): Promise<LensGrid> {
  const { layerCount } = model.config;
  const cells: LensCell[][] = ids.map(() => []);
  const places = ids.map((_, token) => ({ at: 0, row: 0, token, place: token }));
  const read = (token: number, logits: Float32Array): void => {
    cells[token].push({ top: topTokens(logits, top), asked: asked.map((id) => standingOf(logits, id)) });
  };
  const hidden = await forwardRows(model, weights, batchOf([ids]), {
    taps: () => [BLOCK_OUTPUTS.hidden],
    onTap: async (layer, outputs) => {
      await visitPlaces(model, weights, outputs[BLOCK_OUTPUTS.hidden]!, places, (_, token, logits) =>
        read(token, logits),
      );
      onLayer?.(layer + 1, layerCount);
      await checkpoint(job);
    },
    signal: job.signal,
  });
  hidden.dispose();
  return cells;
}

function standingOf(logits: Float32Array, id: number): AskedToken {
  let rank = 0;
  for (const logit of logits) if (logit > logits[id]) rank += 1;
  return { logProbability: logProbability(logits, id), rank };
}
