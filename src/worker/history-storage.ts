/**
 * Patch stacks in the browser's storage: a patch file a patch, and a small record of their order, names and switches, so that a
 * rename writes no patch anew. Tabs take turns (Web Locks), and a tab changes only what it has seen: what another one has put there since stays, what another
 * one has removed stays away. What cannot be read is set aside, and goes only when the user says so.
 */
import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import type { EditingMethod } from '../engine/methods/method.ts';
import { settingsSchemas } from '../engine/methods/registry.ts';
import type { Patch } from '../engine/patches/patch.ts';
import { readPatchFile, writePatchFile } from '../engine/patches/patch-file.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type { ModelIdentity } from '../engine/weights/model-hash.ts';
import { messageOf } from '../engine/text.ts';
import type { BrowserDatabase } from './database.ts';

/** The open model, whose stack it is. */
export interface HistoryOwner {
  readonly identity: Pick<ModelIdentity, 'hash' | 'formerHash'>;
  readonly methods: readonly EditingMethod[];
  /** @throws PatchError */
  readonly assertFits: (patch: Patch) => Promise<void>;
  /** Patches by id that need not be read again: none ever changes. */
  readonly known?: ReadonlyMap<string, Patch>;
}

/** A patch that lies in storage and cannot be read. */
export interface AsideEntry {
  readonly id: string;
  readonly name: string;
  readonly reason: string;
}

export interface LoadedHistory {
  readonly entries: StackEntry[];
  /** Patches whose files could not be read; they stay in storage. */
  readonly aside: readonly AsideEntry[];
}

const storedEntrySchema = z.object({ id: z.string().min(1), name: z.string(), enabled: z.boolean() });
type StoredEntry = z.infer<typeof storedEntrySchema>;

/** Of a stack, oldest patch first; entries one by one, so that a bad one costs no other. */
const stackSchema = z.object({ version: z.literal(1), entries: z.array(z.unknown()), aside: z.array(z.unknown()) });

interface StoredStack {
  readonly entries: StoredEntry[];
  /** Whose files could not be read when the stack was last loaded. */
  readonly aside: StoredEntry[];
}

export class HistoryStorage {
  readonly #database: BrowserDatabase;
  readonly #onSaved: (modelHash: string) => void;
  /** By model hash, the patches that this tab knows to be stored. */
  readonly #seen = new Map<string, ReadonlySet<string>>();

  /** @param onSaved told after every change, for other tabs */
  constructor(database: BrowserDatabase, onSaved: (modelHash: string) => void = () => undefined) {
    this.#database = database;
    this.#onSaved = onSaved;
  }

  /** A model's stack; what an earlier version of the page stored is moved to the present form first. @throws EngineError ('storage') */
  load({ identity, methods, assertFits, known }: HistoryOwner): Promise<LoadedHistory> {
    return exclusively(identity.hash, async () => {
      await this.#migrate(identity);
      const stack = await this.#stack(identity.hash);
      const entries: StackEntry[] = [];
      const readable: StoredEntry[] = [];
      const aside: StoredEntry[] = [];
      const unreadable: AsideEntry[] = [];
      for (const stored of [...stack.entries, ...stack.aside]) {
        const { id, name, enabled } = stored;
        const file = await this.#database.use((database) => database.get('patches', [identity.hash, id]));
        try {
          if (file === undefined) throw new EngineError('storage', 'Its file is gone.');
          if (!(file instanceof Uint8Array)) throw new EngineError('storage', 'It is no patch file.');
          const patch = known?.get(id) ?? (await readPatchFile(file, settingsSchemas(methods)));
          await assertFits(patch);
          entries.push({ patch, name: name === '' ? patch.name : name, enabled });
          readable.push(stored);
        } catch (error) {
          aside.push(stored);
          unreadable.push({ id, name: name === '' ? id : name, reason: messageOf(error) });
        }
      }
      if (aside.length !== stack.aside.length) await this.#put(identity.hash, { entries: readable, aside });
      this.#seen.set(identity.hash, idsOf([...readable, ...aside]));
      return { entries, aside: unreadable };
    });
  }

  /** Writes files of patches that are new, drops those of patches that this tab removed. @throws EngineError ('storage') */
  save(modelHash: string, entries: readonly StackEntry[]): Promise<void> {
    return exclusively(modelHash, async () => {
      const stored = await this.#stack(modelHash);
      const there = idsOf([...stored.entries, ...stored.aside]);
      const seen = this.#seen.get(modelHash) ?? new Set<string>();
      const ours = entries.filter(({ patch }) => there.has(patch.id) || !seen.has(patch.id));
      const ourIds = new Set(ours.map(({ patch }) => patch.id));
      const others = stored.entries.filter(({ id }) => !seen.has(id) && !ourIds.has(id));
      await this.#write(modelHash, stored, ours, others);
    });
  }

  /** The file of a patch that is set aside, as it lies there; null where there is none. @throws EngineError ('storage') */
  async asideFile(modelHash: string, id: string): Promise<Blob | null> {
    const file = await this.#database.use((database) => database.get('patches', [modelHash, id]));
    if (file === undefined) return null;
    return new Blob([file instanceof Uint8Array ? (file as BlobPart) : JSON.stringify(file)]);
  }

  /** Deletes a patch that is set aside. @throws EngineError ('storage') */
  discardAside(modelHash: string, id: string): Promise<void> {
    return exclusively(modelHash, async () => {
      const { entries, aside } = await this.#stack(modelHash);
      await this.#database.use(async (database) => {
        const change = database.transaction(['stacks', 'patches'], 'readwrite');
        const left = { version: 1, entries, aside: aside.filter((entry) => entry.id !== id) };
        await Promise.all([
          change.objectStore('patches').delete([modelHash, id]),
          change.objectStore('stacks').put(left, modelHash),
          change.done,
        ]);
      });
      this.#onSaved(modelHash);
    });
  }

  /**
   * What is stored of a stack. Patches whose entry is lost stand behind the others, switched off and without a name; a record that is none is kept beside
   * the new one.
   */
  async #stack(modelHash: string): Promise<StoredStack> {
    const stored = await this.#database.use((database) => database.get('stacks', modelHash));
    const record = stackSchema.safeParse(stored).data;
    if (stored !== undefined && !record) {
      await this.#database.use((database) => database.put('stacks', stored, `${modelHash} (unreadable)`));
    }
    const [entries, aside] = [record?.entries ?? [], record?.aside ?? []].map((list) =>
      list.flatMap((entry) => storedEntrySchema.safeParse(entry).data ?? []),
    );
    const named = idsOf([...entries, ...aside]);
    const lost = [...(await this.#files(modelHash))].filter((id) => !named.has(id));
    return { entries: [...entries, ...lost.map((id) => ({ id, name: '', enabled: false }))], aside };
  }

  /** Ids of the patches whose files are there. */
  async #files(modelHash: string): Promise<Set<string>> {
    const range = IDBKeyRange.bound([modelHash], [modelHash, []]);
    const keys = await this.#database.use((database) => database.getAllKeys('patches', range));
    return new Set(keys.map(([, id]) => id));
  }

  async #put(modelHash: string, { entries, aside }: StoredStack): Promise<void> {
    await this.#database.use((database) => database.put('stacks', { version: 1, entries, aside }, modelHash));
  }

  /** @param others of other tabs, which this one has not seen; they go on top */
  async #write(
    modelHash: string,
    stored: StoredStack,
    ours: readonly StackEntry[],
    others: readonly StoredEntry[],
  ): Promise<void> {
    const there = await this.#files(modelHash);
    const files: [string, Uint8Array][] = [];
    for (const { patch } of ours) {
      if (!there.has(patch.id)) files.push([patch.id, await writePatchFile(patch)]);
    }
    const entries = [...ours.map(({ patch, name, enabled }) => ({ id: patch.id, name, enabled })), ...others];
    // A patch that was set aside may have come back as a file that the user opened.
    const ids = idsOf(entries);
    const aside = stored.aside.filter(({ id }) => !ids.has(id));
    const wanted = idsOf([...entries, ...aside]);
    // All or nothing: a stack never names a patch whose file is not there.
    await this.#database.use(async (database) => {
      const change = database.transaction(['stacks', 'patches'], 'readwrite');
      const patches = change.objectStore('patches');
      await Promise.all([
        ...files.map(([id, bytes]) => patches.put(bytes, [modelHash, id])),
        ...[...there].filter((id) => !wanted.has(id)).map((id) => patches.delete([modelHash, id])),
        change.objectStore('stacks').put({ version: 1, entries, aside }, modelHash),
        change.done,
      ]);
    });
    // Not those of other tabs: this one has yet to take them over.
    this.#seen.set(modelHash, new Set([...ours.map(({ patch }) => patch.id), ...idsOf(aside)]));
    this.#onSaved(modelHash);
  }

  /** Moves a stack that a page before version 4 of the database stored, under the hash that it knew the model by. */
  async #migrate(identity: HistoryOwner['identity']): Promise<void> {
    const { hash } = identity;
    const oldKeys = await this.#database.use((database) => database.getAllKeys('history'));
    if (oldKeys.length === 0) return;
    const key = await identity.formerHash();
    const old = await this.#database.use((database) => database.get('history', key));
    if (old === undefined) return;
    const known = await this.#stack(hash);
    const present = new Set([...known.entries, ...known.aside].map(({ id }) => id));
    // Whatever is not of the form stays where it is.
    const list: readonly unknown[] = Array.isArray(old) ? old : [];
    const parsed = list.map((entry) => version3EntrySchema.safeParse(entry));
    const moved = parsed.flatMap(({ data }) => (data ? [fromVersion3(data)] : []));
    const left = list.filter((_, i) => !parsed[i].success);
    if (moved.length === 0) return;
    const bytes = new Map<string, Uint8Array>();
    for (const { patch } of moved) if (!present.has(patch.id)) bytes.set(patch.id, await writePatchFile(patch));
    const added = moved
      .filter(({ patch }) => bytes.has(patch.id))
      .map(({ patch, name, enabled }) => ({ id: patch.id, name, enabled }));
    await this.#database.use(async (database) => {
      const change = database.transaction(['stacks', 'patches', 'history'], 'readwrite');
      await Promise.all([
        ...[...bytes].map(([id, file]) => change.objectStore('patches').put(file, [hash, id])),
        change.objectStore('stacks').put({ version: 1, ...known, entries: [...added, ...known.entries] }, hash),
        left.length > 0 ? change.objectStore('history').put(left, key) : change.objectStore('history').delete(key),
        change.done,
      ]);
    });
  }
}

function idsOf(entries: readonly StoredEntry[]): Set<string> {
  return new Set(entries.map(({ id }) => id));
}

/** Runs `body` while no other tab does so for the same model; at once where the browser has no locks. */
async function exclusively<T>(modelHash: string, body: () => Promise<T>): Promise<T> {
  const locks = navigator.locks as LockManager | undefined;
  return locks ? await locks.request(`memit-history ${modelHash}`, body) : await body();
}

const floats = z.instanceof(Float32Array);

/** A stack's entry as structured clone kept it: factors by layer, as in patch files of version 1. */
const version3EntrySchema = z.object({
  name: z.string(),
  enabled: z.boolean(),
  patch: z.looseObject({
    id: z.string(),
    name: z.string(),
    createdAt: z.string(),
    modelHash: z.string(),
    modelName: z.string(),
    method: z.string(),
    requests: z.array(z.looseObject({ prompt: z.string(), subject: z.string(), targetNew: z.string() })),
    settings: z.record(z.string(), z.unknown()),
    contexts: z.array(z.string()),
    report: z.unknown(),
    layers: z.array(
      z.object({
        tensorName: z.string(),
        residual: floats,
        adjustedKeys: floats,
        editCount: z.number(),
        hiddenSize: z.number(),
        innerSize: z.number(),
        transposed: z.boolean(),
      }),
    ),
  }),
});

function fromVersion3({ patch: old, name, enabled }: z.infer<typeof version3EntrySchema>): StackEntry {
  const { layers, ...rest } = old;
  const patch: Patch = {
    ...rest,
    deltas: layers.map(({ tensorName, editCount, hiddenSize, innerSize, transposed, residual, adjustedKeys }) => ({
      kind: 'low-rank',
      tensor: tensorName,
      fanInFanOut: transposed,
      rank: editCount,
      outSize: hiddenSize,
      inSize: innerSize,
      left: residual,
      right: adjustedKeys,
    })),
  };
  return { patch, name, enabled };
}
