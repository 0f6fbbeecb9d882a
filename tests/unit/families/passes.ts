/** Forward and backward passes, block by block, so that a test sees what every block was given. */
import { batchOf, embedRows, placesOf } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import type { BlockInputs, LanguageModel, LayerPast } from '../../../src/engine/model/language-model.ts';
import type { Tensor } from '../../../src/engine/runtime/tensor.ts';

type Rows = readonly (readonly number[])[];

/** Of one pass: what each block was given, its keys and values, and the last one's output [batch, sequence, D]. */
export interface Pass {
  readonly inputs: readonly BlockInputs[];
  readonly presents: readonly LayerPast[];
  readonly output: Tensor;
}

/** Runs the blocks from layer `from` on, each over its layer's `pasts`, if there are any. */
export async function runBlocks(
  model: LanguageModel,
  { hidden, places }: Pick<BlockInputs, 'hidden' | 'places'>,
  { from = 0, pasts }: { from?: number; pasts?: readonly LayerPast[] } = {},
): Promise<Pass> {
  const inputs: BlockInputs[] = [];
  const presents: LayerPast[] = [];
  let output = hidden;
  for (let layer = from; layer < model.config.layerCount; layer += 1) {
    const given = { hidden: output, places, ...(pasts && { past: pasts[layer] }) };
    const names = [BLOCK_OUTPUTS.hidden, BLOCK_OUTPUTS.presentKey, BLOCK_OUTPUTS.presentValue] as const;
    const made = await model.block(model.weights, layer, given, names);
    inputs.push(given);
    presents.push({ key: made.present_key, value: made.present_value });
    output = made.hidden_out;
  }
  return { inputs, presents, output };
}

/** Runs rows from their first token. */
export async function runRows(model: LanguageModel, rows: Rows): Promise<Pass> {
  const batch = batchOf(rows);
  const places = placesOf(model, batch);
  return runBlocks(model, { hidden: await embedRows(model, model.weights, batch, places), places });
}

/** Runs rows from token `cuts[r]` on, over the keys and values of the tokens before. */
export async function runSuffixes(model: LanguageModel, rows: Rows, cuts: readonly number[]): Promise<Pass> {
  const prefixes = rows.map((ids, r) => ids.slice(0, cuts[r]));
  const { presents: pasts } = await runRows(model, prefixes);
  const past = {
    length: batchOf(prefixes).length,
    positionOf: (row: number, place: number) => (place < cuts[row] ? place : null),
  };
  const batch = batchOf(rows.map((ids, r) => ids.slice(cuts[r])));
  const places = placesOf(model, batch, cuts, past);
  return runBlocks(model, { hidden: await embedRows(model, model.weights, batch, places), places }, { pasts });
}

/** Takes a gradient by the output of layer `last` down through the blocks that were given `inputs`, the last of which is that layer's. */
export async function gradientThrough(
  model: LanguageModel,
  inputs: readonly BlockInputs[],
  gradient: Tensor,
  last: number,
): Promise<Tensor> {
  let result = gradient;
  for (const [below, given] of [...inputs].reverse().entries()) {
    result = await model.blockGradient(model.weights, last - below, given, result);
  }
  return result;
}

/** Tokens from..to−1 of a row of [batch, sequence, width]. */
export function tokensOf(tensor: Tensor, row: number, from: number, to: number): Float32Array {
  const [, length, width] = tensor.dims;
  return tensor.floats.subarray((row * length + from) * width, (row * length + to) * width);
}
