/**
 * Patch stacks in the browser's storage: a patch file a patch, and a small record of their order, names and switches, so that a
 * rename writes no patch anew. Tabs take turns (Web Locks).
 */
import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import type { EditingMethod } from '../engine/methods/method.ts';
import { settingsSchemas } from '../engine/methods/registry.ts';
import type { Patch } from '../engine/patches/patch.ts';
import { readPatchFile, writePatchFile } from '../engine/patches/patch-file.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type { ModelIdentity } from '../engine/weights/model-hash.ts';
import type { BrowserDatabase, StoredEntry, StoredStack } from './database.ts';

/** The open model, whose stack it is. */
export interface HistoryOwner {
  readonly identity: Pick<ModelIdentity, 'hash' | 'formerHash'>;
  readonly methods: readonly EditingMethod[];
  /** @throws PatchError */
  readonly assertFits: (patch: Patch) => Promise<void>;
}

export interface LoadedHistory {
  readonly entries: StackEntry[];
  /** Patches whose files could not be read; they stay in storage. */
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
}

export class HistoryStorage {
  readonly #database: BrowserDatabase;

  constructor(database: BrowserDatabase) {
    this.#database = database;
  }

  /** A model's stack; what an earlier version of the page stored is moved to the present form first. @throws EngineError ('storage') */
  load({ identity, methods, assertFits }: HistoryOwner): Promise<LoadedHistory> {
    return exclusively(identity.hash, async () => {
      await this.#migrate(identity);
      const stack = await this.#stack(identity.hash);
      const entries: StackEntry[] = [];
      const readable: StoredEntry[] = [];
      const aside: StoredEntry[] = [];
      const unreadable: { name: string; reason: string }[] = [];
      for (const stored of [...stack.entries, ...stack.aside]) {
        const { id, name, enabled } = stored;
        const bytes = await this.#database.use((database) => database.get('patches', [identity.hash, id]));
        try {
          if (!bytes) throw new EngineError('storage', 'its file is gone.');
          const patch = await readPatchFile(bytes, settingsSchemas(methods));
          await assertFits(patch);
          entries.push({ patch, name, enabled });
          readable.push(stored);
        } catch (error) {
          if (!(error instanceof EngineError)) throw error;
          aside.push(stored);
          unreadable.push({ name, reason: error.message });
        }
      }
      if (aside.length !== stack.aside.length) {
        await this.#database.use((database) =>
          database.put('stacks', { version: 1, entries: readable, aside }, identity.hash),
        );
      }
      return { entries, unreadable };
    });
  }

  /** Writes files of patches that are new, drops those of patches that are gone. @throws EngineError ('storage') */
  save(modelHash: string, entries: readonly StackEntry[]): Promise<void> {
    return exclusively(modelHash, async () => {
      const { aside } = await this.#stack(modelHash);
      await this.#write(modelHash, entries, aside);
    });
  }

  async #stack(modelHash: string): Promise<StoredStack> {
    const stored = await this.#database.use((database) => database.get('stacks', modelHash));
    return stored ?? { version: 1, entries: [], aside: [] };
  }

  async #write(modelHash: string, entries: readonly StackEntry[], aside: StoredEntry[]): Promise<void> {
    const range = IDBKeyRange.bound([modelHash], [modelHash, []]);
    const keys = await this.#database.use((database) => database.getAllKeys('patches', range));
    const stored = new Set(keys.map(([, id]) => id));
    const wanted = new Set([...entries.map(({ patch }) => patch.id), ...aside.map(({ id }) => id)]);
    const files: [string, Uint8Array][] = [];
    for (const { patch } of entries) {
      if (!stored.has(patch.id)) files.push([patch.id, await writePatchFile(patch)]);
    }
    const stack: StoredStack = {
      version: 1,
      entries: entries.map(({ patch, name, enabled }) => ({ id: patch.id, name, enabled })),
      aside,
    };
    // All or nothing: a stack never names a patch whose file is not there.
    await this.#database.use(async (database) => {
      const change = database.transaction(['stacks', 'patches'], 'readwrite');
      const patches = change.objectStore('patches');
      await Promise.all([
        ...files.map(([id, bytes]) => patches.put(bytes, [modelHash, id])),
        ...[...stored].filter((id) => !wanted.has(id)).map((id) => patches.delete([modelHash, id])),
        change.objectStore('stacks').put(stack, modelHash),
        change.done,
      ]);
    });
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
    const moved = z.array(version3EntrySchema).safeParse(old).data?.map(fromVersion3);
    if (!moved) return;
    const bytes = new Map<string, Uint8Array>();
    for (const { patch } of moved) if (!present.has(patch.id)) bytes.set(patch.id, await writePatchFile(patch));
    const added = moved
      .filter(({ patch }) => bytes.has(patch.id))
      .map(({ patch, name, enabled }) => ({ id: patch.id, name, enabled }));
    await this.#database.use(async (database) => {
      const change = database.transaction(['stacks', 'patches', 'history'], 'readwrite');
      await Promise.all([
        ...[...bytes].map(([id, file]) => change.objectStore('patches').put(file, [hash, id])),
        change.objectStore('stacks').put({ ...known, entries: [...added, ...known.entries] }, hash),
        change.objectStore('history').delete(key),
        change.done,
      ]);
    });
  }
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
