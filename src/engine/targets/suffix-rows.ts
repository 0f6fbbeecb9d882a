/** The rows of an edit, each split at its look-up token. */
import type { EditPrompts } from './prompts.ts';
import type { ObjectiveRow } from './objective.ts';

/** A prompt in one context, or the KL prompt. */
export interface SuffixRow {
  /** Index of the edit in the run. */
  readonly edit: number;
  readonly prefix: readonly number[];
  /** From the look-up token on, with the target's tokens but the last. */
  readonly suffix: readonly number[];
  /** Positions count in the suffix. */
  readonly predictions: ObjectiveRow['predictions'];
}

/** Every context in turn, then the KL prompt. A prediction weighs 1 / (tokens of the object · contexts): their mean is the loss. */
export function rowsOf({ contexts, klPrompt, targetIds }: EditPrompts, edit: number): SuffixRow[] {
  const weight = 1 / (targetIds.length * contexts.length);
  const rows = contexts.map(({ ids, lookupIndex }) => ({
    edit,
    prefix: ids.slice(0, lookupIndex),
    suffix: [...ids.slice(lookupIndex), ...targetIds.slice(0, -1)],
    predictions: targetIds.map((target, t) => ({ position: ids.length - 1 + t - lookupIndex, target, weight })),
  }));
  // Nothing after the look-up token of the KL prompt can change what is read there.
  const { ids, lookupIndex } = klPrompt;
  return [...rows, { edit, prefix: ids.slice(0, lookupIndex), suffix: [ids[lookupIndex]], predictions: [] }];
}

/** The KL prompt is read at its look-up token, with which its suffix begins; null in other rows. */
export function klPositionOf({ predictions }: SuffixRow): number | null {
  return predictions.length === 0 ? 0 : null;
}
