/** Attention keys and values of token rows in every layer, so that further tokens run without those before them. */
import { throwIfCancelled } from '../errors.ts';
import { TensorScope, scoped } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { ModelConfig } from '../families/family.ts';
import { embedRows, placesOf, takeRows, type TokenBatch } from './forward.ts';
import { BLOCK_OUTPUTS } from './graphs.ts';
import type { LanguageModel, LayerPast } from './language-model.ts';
import { runLayer, writeTokens } from './stretches.ts';
import type { PastPlaces } from './token-places.ts';
import type { WeightSet } from './weight-set.ts';

/** Bytes that caches may take: a small part of what a model of the same shape does. */
const CACHE_BYTES = 256 * 2 ** 20;

/** Tokens whose keys and values of all layers may be kept at once; at least one row of `length`. */
export function cachedTokens({ layerCount, keyValueHeadCount, headSize }: ModelConfig, length: number): number {
  return Math.max(length, Math.floor(CACHE_BYTES / (layerCount * 2 * keyValueHeadCount * headSize * 4)));
}

/** Places that are made beyond those needed when a cache grows, so that it is not copied at every token. */
const SPARE_TOKENS = 32;

/** Of a row: the position of the token at each place that was filled; null for padding. */
type FilledPlaces = readonly (number | null)[];

const OUTPUTS = [BLOCK_OUTPUTS.hidden, BLOCK_OUTPUTS.presentKey, BLOCK_OUTPUTS.presentValue] as const;

export class KeyValueCache {
  readonly #model: LanguageModel;
  readonly #weights: WeightSet;
  readonly #scope: TensorScope;
  /** With places that are free after those of the rows. */
  readonly #layers: LayerPast[];
  #rows: readonly FilledPlaces[];

  private constructor(
    model: LanguageModel,
    weights: WeightSet,
    scope: TensorScope,
    layers: LayerPast[],
    rows: readonly FilledPlaces[],
  ) {
    this.#model = model;
    this.#weights = weights;
    this.#scope = scope;
    this.#layers = layers;
    this.#rows = rows;
  }

  /** Runs rows from their first token. Also returns their last hidden states [batch, sequence, D], the caller's. */
  static async open(
    model: LanguageModel,
    weights: WeightSet,
    batch: TokenBatch,
    signal?: AbortSignal,
  ): Promise<{ cache: KeyValueCache; hidden: Tensor }> {
    const owned = new TensorScope();
    try {
      const cache = new KeyValueCache(
        model,
        weights,
        owned,
        [],
        batch.rows.map(() => []),
      );
      return { cache, hidden: await cache.extend(batch, { keep: true, signal }) };
    } catch (error) {
      owned.dispose();
      throw error;
    }
  }

  /**
   * Runs further tokens of every row and returns their last hidden states [batch, sequence, D], the caller's.
   * With `keep`, they are cached as well.
   */
  async extend(batch: TokenBatch, { keep, signal }: { keep: boolean; signal?: AbortSignal }): Promise<Tensor> {
    const model = this.#model;
    return scoped(async (scope) => {
      const offsets = this.#rows.map((filled) => filled.filter((position) => position !== null).length);
      const places = scope.track(placesOf(model, batch, offsets, this.#pastPlaces()));
      let hidden = scope.track(await embedRows(model, this.#weights, batch, places));
      for (let layer = 0; layer < model.config.layerCount; layer += 1) {
        throwIfCancelled(signal);
        const past = this.#layers.at(layer) ?? null;
        const inputs = { hidden, places, ...(past && { past }) };
        const wanted = keep ? OUTPUTS : OUTPUTS.slice(0, 1);
        const outputs = await runLayer(model, this.#weights, layer, inputs, wanted);
        for (const name of wanted) scope.track(outputs[name]);
        scope.drop(hidden);
        hidden = outputs.hidden_out;
        if (!keep) continue;
        const present = { key: scope.release(outputs.present_key), value: scope.release(outputs.present_value) };
        this.#layers[layer] = await this.#join(past, present);
      }
      if (keep) {
        this.#rows = this.#rows.map((filled, r) => [
          ...filled,
          ...Array.from({ length: batch.length }, (_, t) => (t < batch.rows[r].length ? offsets[r] + t : null)),
        ]);
      }
      return scope.release(hidden);
    });
  }

  /** Some of the rows, any of them also more than once, as a cache of its own. */
  async select(rows: readonly number[]): Promise<KeyValueCache> {
    const model = this.#model;
    const owned = new TensorScope();
    try {
      const layers = await scoped(async (scope) => {
        const index = scope.track(model.runtime.device.upload(Int32Array.from(rows), [rows.length]));
        const take = async (tensor: Tensor): Promise<Tensor> => owned.track(await takeRows(model, tensor, index));
        const taken: LayerPast[] = [];
        for (const { key, value } of this.#layers) taken.push({ key: await take(key), value: await take(value) });
        return taken;
      });
      return new KeyValueCache(
        model,
        this.#weights,
        owned,
        layers,
        rows.map((row) => this.#rows[row]),
      );
    } catch (error) {
      owned.dispose();
      throw error;
    }
  }

  dispose(): void {
    this.#scope.dispose();
  }

  /** Puts `present` after what is cached of the layer; takes it over. */
  async #join(past: LayerPast | null, present: LayerPast): Promise<LayerPast> {
    const { key, value } = present;
    this.#scope.track(key);
    this.#scope.track(value);
    if (!past) return present;
    const joined = { key: await this.#append(past.key, key), value: await this.#append(past.value, value) };
    this.#scope.drop(key);
    this.#scope.drop(value);
    return joined;
  }

  /** The cache with `added` in its next places; where there is no room, a larger one takes its place. */
  async #append(cached: Tensor, added: Tensor): Promise<Tensor> {
    const { device } = this.#model.runtime;
    const [batch, heads, capacity, size] = cached.dims;
    const count = added.dims[2];
    const used = this.#rows[0].length;
    let room = cached;
    if (used + count > capacity) {
      room = this.#scope.track(device.zeros([batch, heads, used + count + SPARE_TOKENS, size]));
      await writeTokens(this.#model, room, 0, cached);
      this.#scope.drop(cached);
    }
    await writeTokens(this.#model, room, used, added);
    return room;
  }

  /** Every place there is: padding and places that are still free hold no token. Null where nothing is cached. */
  #pastPlaces(): PastPlaces | null {
    if (this.#layers.length === 0) return null;
    const rows = this.#rows;
    return { length: this.#layers[0].key.dims[2], positionOf: (row, place) => rows[row].at(place) ?? null };
  }
}
