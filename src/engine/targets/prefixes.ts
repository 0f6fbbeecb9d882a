/** What does not depend on δ, run once: the prefixes through all layers, the suffixes up to the layer of the target. */
import { checkpoint, type Job } from '../job.ts';
import { batchOf, embedRows, placesOf } from '../model/forward.ts';
import { BLOCK_OUTPUTS } from '../model/graphs.ts';
import type { LanguageModel, LayerPast } from '../model/language-model.ts';
import type { TokenPlaces } from '../model/token-places.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { scoped, type TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { SuffixRow } from './suffix-rows.ts';

/** Belongs to the scope that was given. */
export interface PrefixStates {
  /** Of the suffixes' tokens, after the prefixes'. */
  readonly places: TokenPlaces;
  /** Output of block `layer` for the suffixes, [rows, suffix, D]. */
  readonly base: Tensor;
  /** Keys and values of the prefixes in the layers above; empty where no row has a prefix. */
  readonly pasts: LayerPast[];
}

/** @throws CancelledError */
export async function runPrefixes(
  model: LanguageModel,
  weights: WeightSet,
  rows: readonly SuffixRow[],
  layer: number,
  owner: TensorScope,
  job: Job,
): Promise<PrefixStates> {
  const suffixes = batchOf(rows.map(({ suffix }) => suffix));
  const prefixes = batchOf(rows.map(({ prefix }) => prefix));
  const offsets = rows.map(({ prefix }) => prefix.length);
  const hasPast = prefixes.length > 0;
  const past = {
    length: prefixes.length,
    positionOf: (row: number, place: number): number | null => (place < offsets[row] ? place : null),
  };
  const places = owner.track(placesOf(model, suffixes, offsets, hasPast ? past : null));
  const pasts: LayerPast[] = [];
  const base = await scoped(async (scope) => {
    const prefixPlaces = scope.track(placesOf(model, prefixes));
    let suffixHidden = scope.track(await embedRows(model, weights, suffixes, places));
    let prefixHidden = hasPast ? scope.track(await embedRows(model, weights, prefixes, prefixPlaces)) : null;
    for (let at = 0; at < model.config.layerCount; at += 1) {
      await checkpoint(job);
      const keeper = at > layer ? owner : scope;
      let layerPast: LayerPast | null = null;
      if (prefixHidden) {
        const outputs = await model.block(weights, at, { hidden: prefixHidden, places: prefixPlaces }, [
          BLOCK_OUTPUTS.hidden,
          BLOCK_OUTPUTS.presentKey,
          BLOCK_OUTPUTS.presentValue,
        ]);
        scope.drop(prefixHidden);
        prefixHidden = scope.track(outputs.hidden_out);
        layerPast = { key: keeper.track(outputs.present_key), value: keeper.track(outputs.present_value) };
      }
      if (at > layer) {
        if (layerPast) pasts.push(layerPast);
        continue;
      }
      const inputs = { hidden: suffixHidden, places, ...(layerPast && { past: layerPast }) };
      const { hidden_out: next } = await model.block(weights, at, inputs, [BLOCK_OUTPUTS.hidden]);
      scope.drop(suffixHidden);
      suffixHidden = scope.track(next);
      if (layerPast) {
        scope.drop(layerPast.key);
        scope.drop(layerPast.value);
      }
    }
    return owner.track(scope.release(suffixHidden));
  });
  return { places, base, pasts };
}
