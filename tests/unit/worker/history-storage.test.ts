/** Patch stacks in IndexedDB: a file a patch, the form before version 4 moved over, what cannot be read kept. */
import 'fake-indexeddb/auto';
import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PatchError } from '../../../src/engine/errors.ts';
import { METHODS } from '../../../src/engine/methods/registry.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import type { StackEntry } from '../../../src/engine/patches/patch-stack.ts';
import { BrowserDatabase } from '../../../src/worker/database.ts';
import { HistoryStorage, type HistoryOwner } from '../../../src/worker/history-storage.ts';
import { randomFloats } from '../weights/support.ts';

const NAME = 'memit-playground';
const HASH = `sha256:${'ab'.repeat(32)}`;
const FORMER = 'cd'.repeat(32);

const settings = {
  layers: [1],
  steps: 20,
  learningRate: 0.5,
  weightDecay: 0.5,
  clampNormFactor: 0.75,
  klFactor: 0.0625,
  covarianceWeight: 15_000,
  seed: 3,
};

function patchOf(id: string, seed: number): Patch {
  return {
    id,
    name: `Patch ${id}`,
    createdAt: '2025-03-04T05:06:07.000Z',
    modelHash: HASH,
    modelName: 'demo',
    method: 'memit',
    requests: [{ prompt: '{} is in', subject: `Subject ${id}`, targetNew: 'Rome' }],
    settings,
    contexts: ['{}'],
    deltas: [
      {
        kind: 'low-rank',
        tensor: 'h.1.mlp.c_proj.weight',
        fanInFanOut: true,
        rank: 1,
        outSize: 3,
        inSize: 5,
        left: randomFloats(3, seed),
        right: randomFloats(5, seed + 100),
      },
      { kind: 'dense', tensor: 'h.2.mlp.c_proj.weight', shape: [2, 3], values: randomFloats(6, seed + 200) },
    ],
    report: { losses: [], note: 'as it was' },
  };
}

const entryOf = (id: string, seed: number, enabled = true): StackEntry => ({
  patch: patchOf(id, seed),
  name: `Name of ${id}`,
  enabled,
});

const owner = (more: Partial<HistoryOwner> = {}): HistoryOwner => ({
  identity: { hash: HASH, formerHash: () => Promise.resolve(FORMER) },
  methods: METHODS,
  assertFits: () => Promise.resolve(),
  ...more,
});

const databases: BrowserDatabase[] = [];

function storage(): HistoryStorage {
  const database = new BrowserDatabase();
  databases.push(database);
  return new HistoryStorage(database);
}

/** Everything in an object store, by key. */
async function contents(store: string): Promise<Map<string, unknown>> {
  const database = await openDB(NAME);
  const keys = await database.getAllKeys(store);
  const values = await database.getAll(store);
  database.close();
  return new Map(keys.map((key, i) => [JSON.stringify(key), values[i]]));
}

/** Web Locks as browsers have them, for one name after the other. */
function stubLocks(): string[] {
  const taken: string[] = [];
  const tails = new Map<string, Promise<unknown>>();
  vi.stubGlobal('navigator', {
    locks: {
      request: (name: string, body: () => Promise<unknown>) => {
        const turn = (tails.get(name) ?? Promise.resolve()).then(() => {
          taken.push(name);
          return body();
        });
        tails.set(
          name,
          turn.catch(() => undefined),
        );
        return turn;
      },
    },
  });
  return taken;
}

beforeEach(() => {
  vi.stubGlobal('navigator', {});
});

afterEach(async () => {
  for (const database of databases.splice(0)) await database.use(async (open) => open.close()).catch(() => undefined);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  await deleteDB(NAME);
});

describe('a saved stack', () => {
  const entries = [entryOf('a', 1), entryOf('b', 2, false), entryOf('c', 3)];

  it('comes back as it was, in a new tab too', async () => {
    await storage().save(HASH, entries);
    const loaded = await storage().load(owner());
    expect(loaded).toEqual({ entries, unreadable: [] });
    expect(
      (await storage().load(owner({ identity: { hash: 'sha256:other', formerHash: () => Promise.resolve('') } })))
        .entries,
    ).toEqual([]);
  });

  it('is one file a patch: renaming and switching write none of them', async () => {
    const tab = storage();
    await tab.save(HASH, entries);
    const put = vi.spyOn(IDBObjectStore.prototype, 'put');
    const renamed = entries.map((entry, i) => (i === 0 ? { ...entry, name: 'Another', enabled: false } : entry));
    await tab.save(HASH, renamed);
    expect(put.mock.contexts.map((store) => (store as IDBObjectStore).name)).toEqual(['stacks']);
    put.mockRestore();
    expect((await storage().load(owner())).entries).toEqual(renamed);
  });

  it('loses the file of a patch that is removed, and gets it back when that is undone', async () => {
    const tab = storage();
    await tab.save(HASH, entries);
    await tab.save(HASH, entries.slice(1));
    expect([...(await contents('patches')).keys()]).toEqual([JSON.stringify([HASH, 'b']), JSON.stringify([HASH, 'c'])]);
    await tab.save(HASH, entries);
    expect((await storage().load(owner())).entries).toEqual(entries);
  });

  it('is left alone by the stack of another model', async () => {
    const tab = storage();
    await tab.save(HASH, entries);
    await tab.save('sha256:other', []);
    expect((await tab.load(owner())).entries).toEqual(entries);
  });

  it('is read and written by one tab at a time, where the browser has locks', async () => {
    const taken = stubLocks();
    const [first, second] = [storage(), storage()];
    await Promise.all([first.save(HASH, entries), second.load(owner()), second.save('sha256:other', [])]);
    expect(taken.filter((name) => name.endsWith(HASH)).length).toBe(2);
    expect(new Set(taken).size).toBe(2);
  });
});

describe('a patch that cannot be read', () => {
  const entries = [entryOf('a', 1), entryOf('b', 2)];

  it('is told, costs no other patch, and is kept by what is saved afterwards', async () => {
    await storage().save(HASH, entries);
    const database = await openDB(NAME);
    const key = [HASH, 'a'];
    const bytes = (await database.get('patches', key)) as Uint8Array;
    const damaged = bytes.slice(0, -4);
    await database.put('patches', damaged, key);
    database.close();

    const tab = storage();
    const loaded = await tab.load(owner());
    expect(loaded.entries).toEqual(entries.slice(1));
    expect(loaded.unreadable).toEqual([
      { name: 'Name of a', reason: expect.stringMatching(/cannot be read as a patch/) as string },
    ]);
    await tab.save(HASH, [...loaded.entries, entryOf('c', 3)]);
    expect((await contents('patches')).get(JSON.stringify(key))).toEqual(damaged);
    const again = await storage().load(owner());
    expect(again.entries.map(({ patch }) => patch.id)).toEqual(['b', 'c']);
    expect(again.unreadable.length).toBe(1);
  });

  it('comes back once it can be read again', async () => {
    await storage().save(HASH, entries);
    const refuse = (patch: Patch): Promise<void> =>
      patch.id === 'a' ? Promise.reject(new PatchError('It does not fit.')) : Promise.resolve();
    const first = await storage().load(owner({ assertFits: refuse }));
    expect(first.entries.map(({ patch }) => patch.id)).toEqual(['b']);
    const second = await storage().load(owner());
    expect(second.entries.map(({ patch }) => patch.id).sort()).toEqual(['a', 'b']);
    expect(second.unreadable).toEqual([]);
  });
});

describe('what a page before version 4 stored', () => {
  /** As structured clone kept it. */
  function oldEntry(id: string, seed: number): object {
    const { deltas, ...rest } = patchOf(id, seed);
    const [factors] = deltas;
    if (factors.kind !== 'low-rank') throw new Error('The first delta has two factors.');
    return {
      name: `Name of ${id}`,
      enabled: false,
      patch: {
        ...rest,
        modelHash: FORMER,
        layers: [
          {
            layer: 1,
            tensorName: factors.tensor,
            residual: factors.left,
            adjustedKeys: factors.right,
            editCount: 1,
            hiddenSize: 3,
            innerSize: 5,
            transposed: true,
          },
        ],
      },
    };
  }

  async function storeOld(stacks: Record<string, unknown>): Promise<void> {
    const database = await openDB(NAME, 3, {
      upgrade: (fresh) => {
        for (const store of ['history', 'statistics', 'traces', 'tiles']) fresh.createObjectStore(store);
      },
    });
    for (const [key, value] of Object.entries(stacks)) await database.put('history', value, key);
    await database.put('statistics', Uint8Array.of(1, 2, 3), 'kept');
    database.close();
  }

  it('is moved over once, under the model’s present hash, and nothing else is touched', async () => {
    const others = [oldEntry('z', 9)];
    await storeOld({ [FORMER]: [oldEntry('a', 1), oldEntry('b', 2)], other: others });
    const expected = ['a', 'b'].map((id, i) => {
      const { deltas, ...rest } = patchOf(id, i + 1);
      return { patch: { ...rest, modelHash: FORMER, deltas: [deltas[0]] }, name: `Name of ${id}`, enabled: false };
    });
    const tab = storage();
    expect(await tab.load(owner())).toEqual({ entries: expected, unreadable: [] });
    expect(await contents('history')).toEqual(new Map([['"other"', others]]));
    expect(await contents('statistics')).toEqual(new Map([['"kept"', Uint8Array.of(1, 2, 3)]]));
    await tab.save(HASH, [...expected, entryOf('c', 3)]);
    expect((await storage().load(owner())).entries).toEqual([...expected, entryOf('c', 3)]);
  });

  it('stays where it is when it is not of that form, and the model opens with an empty stack', async () => {
    const garbage = [{ name: 'x', enabled: true, patch: { id: 'x' } }];
    await storeOld({ [FORMER]: garbage });
    expect(await storage().load(owner())).toEqual({ entries: [], unreadable: [] });
    expect(await contents('history')).toEqual(new Map([[JSON.stringify(FORMER), garbage]]));
  });
});
