/** The patch stack, and changes to it that can be undone. */
import { PatchError } from '../errors.ts';
import type { Patch } from './patch.ts';

export interface StackEntry {
  readonly patch: Patch;
  readonly name: string;
  readonly enabled: boolean;
}

interface Snapshot {
  readonly label: string;
  readonly entries: readonly StackEntry[];
}

/** Changes that can be taken back: each may hold a patch that nothing else does. */
const MOST_UNDONE = 50;

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
    if (this.#undo.length > MOST_UNDONE) this.#undo.shift();
    this.#entries = entries;
  }
}
