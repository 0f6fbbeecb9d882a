/**
 * The patch stack (design, decision 5): weights = base + Σ enabled patches, in stack order. The base is never written to,
 * so switching every patch off gives the model back bit for bit. Changes to the stack can be undone.
 */
import { PatchError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { EditedWeights } from '../model/weight-set.ts';
import { scoped } from '../runtime/scope.ts';
import type { Patch } from './patch.ts';
import { updateMatrix } from '../methods/memit/spread.ts';

export interface StackEntry {
  readonly patch: Patch;
  readonly name: string;
  readonly enabled: boolean;
}

interface Snapshot {
  readonly label: string;
  readonly entries: readonly StackEntry[];
}

export class PatchStack {
  #entries: readonly StackEntry[];
  #undo: Snapshot[] = [];

  constructor(entries: readonly StackEntry[] = []) {
    this.#entries = entries;
  }

  /** Oldest first. */
  get entries(): readonly StackEntry[] {
    return this.#entries;
  }

  /** What {@link undo} would take back, in words, or null. */
  get undoLabel(): string | null {
    return this.#undo.at(-1)?.label ?? null;
  }

  get enabled(): Patch[] {
    return this.#entries.filter(({ enabled }) => enabled).map(({ patch }) => patch);
  }

  entry(id: string): StackEntry {
    const entry = this.#entries.find(({ patch }) => patch.id === id);
    if (!entry) throw new PatchError('This patch is not in the history any more.');
    return entry;
  }

  /** @param alone switches all others off: the patch was made on the unedited model */
  push(patch: Patch, { alone = false }: { alone?: boolean } = {}): void {
    if (this.#entries.some(({ patch: known }) => known.id === patch.id)) {
      throw new PatchError(`The patch “${patch.name}” is in the history already.`, {
        kept: 'The history is as it was.',
      });
    }
    const others = alone ? this.#entries.map((entry) => ({ ...entry, enabled: false })) : this.#entries;
    this.#change(`add “${patch.name}”`, [...others, { patch, name: patch.name, enabled: true }]);
  }

  setEnabled(id: string, enabled: boolean): void {
    const { name } = this.entry(id);
    this.#change(`switch “${name}” ${enabled ? 'on' : 'off'}`, this.#replaced(id, { enabled }));
  }

  rename(id: string, name: string): void {
    const trimmed = name.trim();
    if (trimmed === '') throw new PatchError('A patch needs a name.', { kept: 'The name is as it was.' });
    this.#change(`rename “${this.entry(id).name}”`, this.#replaced(id, { name: trimmed }));
  }

  remove(id: string): void {
    const { name } = this.entry(id);
    this.#change(
      `delete “${name}”`,
      this.#entries.filter(({ patch }) => patch.id !== id),
    );
  }

  /** Takes the last change back; does nothing when there is none. */
  undo(): void {
    const snapshot = this.#undo.pop();
    if (snapshot) this.#entries = snapshot.entries;
  }

  #replaced(id: string, change: Partial<Pick<StackEntry, 'name' | 'enabled'>>): StackEntry[] {
    return this.#entries.map((entry) => (entry.patch.id === id ? { ...entry, ...change } : entry));
  }

  #change(label: string, entries: readonly StackEntry[]): void {
    this.#undo.push({ label, entries: this.#entries });
    this.#entries = entries;
  }
}

/** The model's weights with `patches` added in order; the caller disposes them. */
export async function applyPatches(model: LanguageModel, patches: readonly Patch[]): Promise<EditedWeights> {
  const weights = new EditedWeights(model.weights);
  const { device } = model.runtime;
  try {
    for (const patch of patches) {
      for (const update of patch.layers) {
        const { tensorName, residual, adjustedKeys, editCount, hiddenSize, intermediateSize, transposed } = update;
        await scoped(async (scope) => {
          const r = scope.track(device.upload(residual, [editCount, hiddenSize]));
          const a = scope.track(device.upload(adjustedKeys, [editCount, intermediateSize]));
          const delta = scope.track(await updateMatrix(model, r, a, transposed));
          weights.replace(tensorName, await model.linalg.addScaled(weights.get(tensorName), 1, delta, 1));
        });
      }
    }
    return weights;
  } catch (error) {
    weights.dispose();
    throw error;
  }
}
