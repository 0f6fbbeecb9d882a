/** Patch stacks in IndexedDB: a file a patch, the form before version 4 moved over, what cannot be read kept. */
import 'fake-indexeddb/auto';
import fc from 'fast-check';
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
    expect(loaded).toEqual({ entries, aside: [] });
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
    expect(loaded.aside).toEqual([
      { id: 'a', name: 'Name of a', reason: expect.stringMatching(/cannot be read as a patch/) as string },
    ]);
    await tab.save(HASH, [...loaded.entries, entryOf('c', 3)]);
    expect((await contents('patches')).get(JSON.stringify(key))).toEqual(damaged);
    const again = await storage().load(owner());
    expect(again.entries.map(({ patch }) => patch.id)).toEqual(['b', 'c']);
    expect(again.aside.length).toBe(1);
  });

  it('comes back once it can be read again', async () => {
    await storage().save(HASH, entries);
    const refuse = (patch: Patch): Promise<void> =>
      patch.id === 'a' ? Promise.reject(new PatchError('It does not fit.')) : Promise.resolve();
    const first = await storage().load(owner({ assertFits: refuse }));
    expect(first.entries.map(({ patch }) => patch.id)).toEqual(['b']);
    const second = await storage().load(owner());
    expect(second.entries.map(({ patch }) => patch.id).sort()).toEqual(['a', 'b']);
    expect(second.aside).toEqual([]);
  });
});

describe('two tabs', () => {
  const entries = [entryOf('a', 1), entryOf('b', 2)];
  const idsIn = async (tab: HistoryStorage): Promise<string[]> =>
    (await tab.load(owner())).entries.map(({ patch }) => patch.id);

  it('keep what the other one added, each as it had seen it last', async () => {
    const [first, second] = [storage(), storage()];
    await first.save(HASH, entries);
    await second.load(owner());
    await second.save(HASH, [...entries, entryOf('c', 3)]);
    await first.save(HASH, [...entries, entryOf('d', 4)]);
    expect(await idsIn(storage())).toEqual(['a', 'b', 'd', 'c']);
    await first.save(HASH, [entryOf('b', 2)]);
    expect(await idsIn(storage())).toEqual(['b', 'c']);
  });

  it('do not bring back what the other one removed', async () => {
    const [first, second] = [storage(), storage()];
    await first.save(HASH, entries);
    await second.load(owner());
    await second.save(HASH, entries.slice(1));
    await first.save(HASH, [...entries, entryOf('c', 3)]);
    expect(await idsIn(storage())).toEqual(['b', 'c']);
  });

  it('of which one could not read the stack lose nothing by what it saves', async () => {
    await storage().save(HASH, entries);
    const tab = storage();
    const get = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(() => {
      throw new DOMException('The disk is gone.', 'UnknownError');
    });
    await expect(tab.load(owner())).rejects.toMatchObject({ code: 'storage' });
    get.mockRestore();
    await tab.save(HASH, [entryOf('c', 3)]);
    expect((await idsIn(storage())).sort()).toEqual(['a', 'b', 'c']);
  });

  it('are told of each other’s changes', async () => {
    const told: string[] = [];
    const database = new BrowserDatabase();
    databases.push(database);
    const tab = new HistoryStorage(database, (hash) => told.push(hash));
    await tab.save(HASH, entries);
    await tab.load(owner());
    expect(told).toEqual([HASH]);
  });
});

describe('a store that is full', () => {
  it('fails the change with advice and keeps what was there', async () => {
    const tab = storage();
    await tab.save(HASH, [entryOf('a', 1)]);
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('Full.', 'QuotaExceededError');
    });
    await expect(tab.save(HASH, [entryOf('a', 1), entryOf('b', 2)])).rejects.toMatchObject({
      code: 'storage',
      kept: expect.stringMatching(/in effect in this tab/) as string,
    });
    put.mockRestore();
    expect((await storage().load(owner())).entries.map(({ patch }) => patch.id)).toEqual(['a']);
    await tab.save(HASH, [entryOf('a', 1), entryOf('b', 2)]);
    expect((await storage().load(owner())).entries.map(({ patch }) => patch.id)).toEqual(['a', 'b']);
  });
});

describe('garbage in storage', () => {
  const entries = [entryOf('a', 1), entryOf('b', 2)];
  const put = async (store: string, value: unknown, key: IDBValidKey): Promise<void> => {
    const database = await openDB(NAME);
    await database.put(store, value, key);
    database.close();
  };
  const entry = (id: string): object => ({ id, name: `Name of ${id}`, enabled: true });

  const records: [string, unknown][] = [
    ['a text', 'x'],
    ['a number', 3],
    ['null', null],
    ['a list', [entry('a'), entry('b')]],
    ['an empty object', {}],
    ['another version', { version: 2, entries: [], aside: [] }],
    ['no entries', { version: 1, aside: [] }],
    ['entries that are no list', { version: 1, entries: 'a', aside: [] }],
    ['an entry of null', { version: 1, entries: [null, entry('b')], aside: [] }],
    ['an entry without an id', { version: 1, entries: [{ name: 'x', enabled: true }, entry('b')], aside: [] }],
    ['an entry of another type', { version: 1, entries: [{ ...entry('a'), enabled: 'yes' }, entry('b')], aside: [] }],
    ['a file', new Uint8Array(9)],
  ];
  it.each(records)('as the record of a stack loses no patch: %s', async (_, record) => {
    await storage().save(HASH, entries);
    await put('stacks', record, HASH);
    const tab = storage();
    const loaded = await tab.load(owner());
    expect(loaded.entries.map(({ patch }) => patch.id).sort()).toEqual(['a', 'b']);
    // What has lost its switch is off, and called as it was made.
    expect(loaded.entries.find(({ patch }) => patch.id === 'a')).toMatchObject({ name: 'Patch a', enabled: false });
    await tab.save(HASH, loaded.entries);
    expect((await storage().load(owner())).entries).toEqual(loaded.entries);
  });

  const files: [string, unknown][] = [
    ['a text', 'x'],
    ['null', null],
    ['an object', { id: 'a' }],
    ['no bytes', new Uint8Array()],
    ['random bytes', Uint8Array.from({ length: 300 }, () => Math.floor(256 * Math.random()))],
    ['a Float32Array', randomFloats(20, 1)],
  ];
  it.each(files)('as the file of a patch costs that patch, which can be taken and deleted: %s', async (_, file) => {
    await storage().save(HASH, entries);
    await put('patches', file, [HASH, 'a']);
    const tab = storage();
    const { entries: left, aside } = await tab.load(owner());
    expect(left).toEqual(entries.slice(1));
    expect(aside).toEqual([{ id: 'a', name: 'Name of a', reason: expect.stringMatching(/./) as string }]);
    await tab.save(HASH, [...left, entryOf('c', 3)]);
    const blob = await tab.asideFile(HASH, 'a');
    const bytes = new Uint8Array(await blob!.arrayBuffer());
    expect(bytes).toEqual(file instanceof Uint8Array ? file : new TextEncoder().encode(JSON.stringify(file)));
    await tab.discardAside(HASH, 'a');
    expect(await tab.asideFile(HASH, 'a')).toBeNull();
    const again = await storage().load(owner());
    expect(again.aside).toEqual([]);
    expect(again.entries.map(({ patch }) => patch.id)).toEqual(['b', 'c']);
  });

  it('of any kind keeps no stack from loading', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything({ withTypedArray: true, withDate: true }), fc.boolean(), async (value, isFile) => {
        await storage().save(HASH, entries);
        try {
          await put(isFile ? 'patches' : 'stacks', value, isFile ? [HASH, 'a'] : HASH);
        } catch {
          return; // what structured clone refuses cannot lie there
        }
        const { entries: left } = await storage().load(owner());
        expect(left.map(({ patch }) => patch.id)).toContain('b');
      }),
      { numRuns: 60 },
    );
  });
});

describe('an older page in another tab', () => {
  it('that holds the database is told of, and does not keep this one waiting', async () => {
    const old = await openDB(NAME, 3, { upgrade: (fresh) => fresh.createObjectStore('history') });
    const tab = storage();
    await expect(tab.load(owner())).rejects.toMatchObject({
      code: 'storage',
      next: 'Close the other tabs of this page, then reload this one.',
    });
    old.close();
    expect((await tab.load(owner())).entries).toEqual([]);
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
    expect(await tab.load(owner())).toEqual({ entries: expected, aside: [] });
    expect(await contents('history')).toEqual(new Map([['"other"', others]]));
    expect(await contents('statistics')).toEqual(new Map([['"kept"', Uint8Array.of(1, 2, 3)]]));
    await tab.save(HASH, [...expected, entryOf('c', 3)]);
    expect((await storage().load(owner())).entries).toEqual([...expected, entryOf('c', 3)]);
  });

  it('stays where it is when it is not of that form, and the model opens with an empty stack', async () => {
    const garbage = [{ name: 'x', enabled: true, patch: { id: 'x' } }];
    await storeOld({ [FORMER]: garbage });
    expect(await storage().load(owner())).toEqual({ entries: [], aside: [] });
    expect(await contents('history')).toEqual(new Map([[JSON.stringify(FORMER), garbage]]));
  });
});
