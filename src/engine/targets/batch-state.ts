/** What changes of a batch from step to step. */
import type { AdamState } from '../linalg/linear-algebra.ts';
import { takeRows } from '../model/forward.ts';
import type { LanguageModel, LayerPast } from '../model/language-model.ts';
import type { TokenPlaces } from '../model/token-places.ts';
import { scoped, type TensorScope } from '../runtime/scope.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { SuffixRow } from './suffix-rows.ts';

/** Tensors that have one row per active edit or per token row, rebuilt when edits leave. */
export interface BatchState {
  /** Edits still running, as indices into the run. */
  edits: number[];
  rows: SuffixRow[];
  /** Of the suffixes, after their prefixes. */
  places: TokenPlaces;
  /** Output of block Lz without δ, [rows, suffix, D]. */
  base: Tensor;
  /** Per layer above Lz. Empty where no row has a token before its look-up token. */
  pasts: LayerPast[];
  adam: AdamState;
  /** weight_decay / ‖h0‖² and clamp · ‖h0‖, [edits]. */
  decay: Tensor;
  maxNorm: Tensor;
  /** log p₀ at the KL prompts' look-up tokens, [edits, V]; null before the first evaluation. */
  klReference: Tensor | null;
}

/** Rebuilds the tensors without the edits that left, so that no further work is spent on them. @param owner of the state's tensors */
export async function dropEdits(
  model: LanguageModel,
  state: BatchState,
  leaving: ReadonlySet<number>,
  owner: TensorScope,
): Promise<void> {
  const { device } = model.runtime;
  await scoped(async (scope) => {
    const select = (kept: number[]): Tensor => scope.track(device.upload(Int32Array.from(kept), [kept.length]));
    const keptRows = state.rows.flatMap((row, r) => (leaving.has(row.edit) ? [] : [r]));
    const keptEdits = state.edits.flatMap((edit, i) => (leaving.has(edit) ? [] : [i]));
    const rowIndex = select(keptRows);
    const editIndex = select(keptEdits);
    const take = async (tensor: Tensor, index: Tensor): Promise<Tensor> => {
      const taken = owner.track(await takeRows(model, tensor, index));
      owner.drop(tensor);
      return taken;
    };
    const places = owner.track(state.places.select(keptRows));
    owner.drop(state.places);
    state.places = places;
    state.base = await take(state.base, rowIndex);
    for (let i = 0; i < state.pasts.length; i += 1) {
      const { key, value } = state.pasts[i];
      state.pasts[i] = { key: await take(key, rowIndex), value: await take(value, rowIndex) };
    }
    state.adam = {
      delta: await take(state.adam.delta, editIndex),
      firstMoment: await take(state.adam.firstMoment, editIndex),
      secondMoment: await take(state.adam.secondMoment, editIndex),
    };
    state.decay = await take(state.decay, editIndex);
    state.maxNorm = await take(state.maxNorm, editIndex);
    if (state.klReference) state.klReference = await take(state.klReference, editIndex);
    state.rows = keptRows.map((r) => state.rows[r]);
    state.edits = keptEdits.map((i) => state.edits[i]);
  });
}
