import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancelledError } from '../../../src/engine/errors.ts';
import { downloadModel, type ModelDownloadProgress } from '../../../src/engine/sources/hub/download-model.ts';
import { HubClient } from '../../../src/engine/sources/hub/hub-client.ts';
import { HubAccessError, NoAnswerError } from '../../../src/engine/sources/hub/hub-errors.ts';
import { parseHubName } from '../../../src/engine/sources/hub/hub-name.ts';
import { hubSource } from '../../../src/engine/sources/hub/hub-source.ts';
import { neededFiles, type HubListing } from '../../../src/engine/sources/hub/listing.ts';
import { MemoryStore } from '../../../src/engine/sources/hub/memory-store.ts';
import { TransferRate } from '../../../src/engine/sources/hub/transfer-rate.ts';
import { MissingFileError, readText } from '../../../src/engine/sources/model-source.ts';
import { etagOf, startHub, type Fault, type HubServer } from './hub-server.ts';
import { failure } from './support.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const ID = 'someone/tiny-model';
const WEIGHTS = 'model.safetensors';
const name = { id: ID, revision: 'main' };

describe('names of models', () => {
  it.each([
    ['owner/name', 'owner/name', 'main'],
    [' gpt2 ', 'gpt2', 'main'],
    ['owner/name@v1.0', 'owner/name', 'v1.0'],
    ['owner/name@refs/pr/3', 'owner/name', 'refs/pr/3'],
    ['https://huggingface.co/owner/na.me_1/', 'owner/na.me_1', 'main'],
    ['https://huggingface.co/owner/name/tree/dev?x=1', 'owner/name', 'dev'],
    ['http://localhost:80/owner/name/blob/dev/config.json', 'owner/name', 'dev'],
  ])('%j', (text, id, revision) => {
    expect(parseHubName(text)).toEqual({ id, revision });
  });

  it.each([
    '',
    'a/b/c',
    '../name',
    'owner/..',
    'owner/-name',
    'a--b/c',
    'owner/name@',
    'owner/name@../x',
    'a b/c',
    'ä/b',
  ])('%j is none', (text) => {
    expect(parseHubName(text)).toBe(null);
  });
});

describe('a hub', () => {
  let hub: HubServer;
  /** Seconds that were waited before another try. */
  let waits: number[];
  let weights: Uint8Array;
  const client = (token: string | null = null): HubClient =>
    new HubClient({
      endpoint: hub.address,
      token,
      wait: (seconds) => {
        waits.push(seconds);
        return Promise.resolve();
      },
    });

  beforeEach(async () => {
    waits = [];
    weights = randomBytes(1_200_000);
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    hub = await startHub({
      [ID]: {
        commit: COMMIT,
        revisions: ['v2', 'refs/pr/1'],
        files: {
          '.gitattributes': text('*.safetensors filter=lfs'),
          'README.md': text('# Tiny'),
          'config.json': text('{"model_type": "gpt2"}'),
          'tokenizer.json': text(`{"ñ": "${'token '.repeat(5000)}"}`),
          'pytorch_model.bin': randomBytes(5000),
          'onnx/model.onnx': randomBytes(5000),
          'merges.txt': text('a b'),
          'facts.json': text(''),
          [WEIGHTS]: weights,
        },
      },
    });
  });
  afterEach(() => hub.close());

  const fileRequests = (path: string) =>
    hub.requests.filter((request) => request.path === `/cdn/${ID}/resolve/${COMMIT}/${path}`);

  async function download(
    store = new MemoryStore(),
    onProgress?: (progress: ModelDownloadProgress) => void,
    signal?: AbortSignal,
  ): Promise<HubListing> {
    const listing = await client().list(name);
    await downloadModel(client(), listing, store, { onProgress, signal, stallSeconds: 0.4 });
    return listing;
  }

  /** Whether the store has the weights, byte by byte. */
  async function holdsWeights(store: MemoryStore, listing: HubListing): Promise<boolean> {
    const source = await hubSource(listing, store).open(WEIGHTS);
    return Buffer.compare(await source.read(0, source.size), weights) === 0;
  }

  it('lists a model over several pages, with sizes and checksums', async () => {
    const listing = await client().list(name);
    expect(listing).toMatchObject({ id: ID, revision: 'main', commit: COMMIT });
    expect(listing.files.map(({ path }) => path).sort()).toEqual(Object.keys(hub.models[ID].files).sort());
    for (const { path, size, sha256, oid } of listing.files) {
      const bytes = hub.models[ID].files[path];
      expect(size).toBe(bytes.length);
      expect(sha256 ?? oid).toBe(etagOf(bytes));
    }
    expect((await client().list({ id: ID, revision: 'refs/pr/1' })).commit).toBe(COMMIT);
    expect(hub.requests.filter(({ path }) => path.includes('/tree/')).length).toBeGreaterThan(2);
  });

  it('gives what is needed and nothing else, smallest first, checked, and with its progress', async () => {
    const store = new MemoryStore();
    const seen: ModelDownloadProgress[] = [];
    const listing = await download(store, (progress) => seen.push(progress));
    const needed = ['facts.json', 'merges.txt', 'config.json', 'tokenizer.json', WEIGHTS];
    expect(neededFiles(listing).map(({ path }) => path)).toEqual(needed);
    const source = hubSource(listing, store);
    expect([source.id, source.revision, source.name]).toEqual([ID, COMMIT, ID]);
    for (const path of needed) {
      const file = await source.open(path);
      expect(Buffer.compare(await file.read(0, file.size), hub.models[ID].files[path])).toBe(0);
    }
    expect(await readText(source, 'merges.txt')).toBe('a b');
    expect(await failure(source.open('vocab.json'))).toBeInstanceOf(MissingFileError);
    expect((await failure(source.open('pytorch_model.bin'))).message).toMatch(/is not downloaded/);
    const total = needed.reduce((sum, path) => sum + hub.models[ID].files[path].length, 0);
    expect(seen.every((each, i) => each.total === total && (i === 0 || each.loaded >= seen[i - 1].loaded))).toBe(true);
    expect(seen.at(-1)).toMatchObject({
      file: WEIGHTS,
      fileLoaded: weights.length,
      loaded: total,
      stage: 'Downloading',
    });
    const before = hub.requests.length;
    await downloadModel(client(), listing, store);
    expect(hub.requests.length).toBe(before);
  });

  it('takes shards by their index where there is no single file', async () => {
    const { [WEIGHTS]: weightFile, ...rest } = hub.models[ID].files;
    expect(weightFile).toBe(weights);
    const one = 'model-00001-of-00002.safetensors';
    const files = {
      ...rest,
      [one]: randomBytes(6000),
      'model-00002-of-00002.safetensors': randomBytes(7000),
      'model.fp32-00001-of-00002.safetensors': randomBytes(7000),
      'consolidated.safetensors': randomBytes(7000),
      'model.safetensors.index.json': new TextEncoder().encode('{"weight_map": {}}'),
    };
    hub.models[ID] = { commit: COMMIT, files };
    const store = new MemoryStore();
    const source = hubSource(await download(store), store);
    expect((await source.open(one)).size).toBe(6000);
    expect((await source.open('model-00002-of-00002.safetensors')).size).toBe(7000);
    expect(hub.requests.some(({ path }) => /consolidated|fp32/.test(path))).toBe(false);
  });

  it('names what a model has in place of weights that can be read', async () => {
    const { [WEIGHTS]: weightFile, ...files } = hub.models[ID].files;
    expect(weightFile).toBe(weights);
    hub.models[ID] = { commit: COMMIT, files };
    const error = await failure(download());
    expect([error.code, error.message]).toEqual(['model', expect.stringMatching(/only .*pytorch_model\.bin/)]);
    expect(fileRequests('config.json')).toEqual([]);
  });

  describe('that', () => {
    const passing: [string, Fault[], number[]][] = [
      ['cuts the connection', [{ kind: 'cut', after: 500_000 }], [1]],
      ['cuts it again and again', Array<Fault>(8).fill({ kind: 'cut', after: 100_000 }), Array<number>(8).fill(1)],
      ['stops sending', [{ kind: 'stall', after: 300_000 }], [1]],
      ['sends slowly', [{ kind: 'slow', chunk: 300_000, milliseconds: 60 }], []],
      [
        'is busy',
        [
          { kind: 'status', status: 503 },
          { kind: 'status', status: 500 },
        ],
        [1, 2],
      ],
      ['limits requests', [{ kind: 'status', status: 429, headers: { 'retry-after': '7' } }], [7]],
      ['sends wrong bytes once', [{ kind: 'corrupt' }], []],
      ['compresses', [{ kind: 'gzip' }], []],
      ['compresses the rest', [{ kind: 'cut', after: 400_000 }, { kind: 'gzip' }], [1, 2]],
      ['gives no ranges', [{ kind: 'cut', after: 400_000 }, { kind: 'no ranges' }], [1]],
      ['gives another range', [{ kind: 'cut', after: 400_000 }, { kind: 'other range' }], [1, 2]],
    ];
    it.each(passing)('%s: the file comes whole', async (_, faults, expected) => {
      hub.faults[WEIGHTS] = [...faults];
      const store = new MemoryStore();
      const listing = await download(store);
      expect(await holdsWeights(store, listing)).toBe(true);
      expect(waits).toEqual(expected);
    });

    it('cut the connection is asked for the rest only', async () => {
      hub.faults[WEIGHTS] = [{ kind: 'cut', after: 500_000 }];
      await download();
      const [first, second] = fileRequests(WEIGHTS);
      expect(first.range).toBe(null);
      const start = Number(/^bytes=(\d+)-$/.exec(second.range ?? '')?.[1]);
      expect(start).toBeGreaterThan(0);
      expect(start).toBeLessThanOrEqual(500_000);
    });

    const lasting: [string, Fault, RegExp][] = [
      ['sends a web page', { kind: 'web page' }, /sent a web page in place of “model\.safetensors”/],
      ['sends a pointer', { kind: 'pointer' }, /sent a Git LFS pointer in place of “model\.safetensors”/],
      [
        'sends more than it lists',
        { kind: 'long' },
        /sends 1,200,004 bytes of “model\.safetensors”, and lists it with 1,200,000/,
      ],
      [
        'sends less than it lists',
        { kind: 'short', bytes: 1_000_000 },
        /sends 1,000,000 bytes .* lists it with 1,200,000/,
      ],
      ['sends other bytes', { kind: 'corrupt' }, /came with other bytes than .* lists .*, twice/],
      ['lost the file', { kind: 'status', status: 404 }, /“model\.safetensors” was not found in “someone\/tiny-model”/],
      ['refuses', { kind: 'status', status: 418 }, /refused “model\.safetensors” .* status 418/],
      ['stays busy', { kind: 'status', status: 502 }, /answered with status 502/],
      [
        'limits for long',
        { kind: 'status', status: 429, headers: { 'retry-after': '3600' } },
        /no more requests for now/,
      ],
    ];
    it.each(lasting)('%s: an error by that name, and nothing in its place', async (_, fault, words) => {
      hub.faults[WEIGHTS] = Array<Fault>(12).fill(fault);
      const store = new MemoryStore();
      const error = await failure(download(store));
      expect(error.message).toMatch(words);
      expect(error.code).toBe('download');
      expect(error.next).not.toBe('');
      const listing = await client().list(name);
      expect(await failure(hubSource(listing, store).open(WEIGHTS))).toMatchObject({ code: 'download' });
      hub.faults = {};
      expect(await holdsWeights(store, await download(store))).toBe(true);
    });
  });

  it('that goes away in the middle: says how much is kept, and a later download goes on there', async () => {
    hub.faults[WEIGHTS] = [{ kind: 'cut', after: 700_000 }, ...Array<Fault>(6).fill({ kind: 'status', status: 503 })];
    const store = new MemoryStore();
    const error = await failure(download(store));
    const told = /^([\d,]+) of 1,200,000 bytes of “model\.safetensors” are kept/.exec(error.kept)?.[1];
    const kept = Number(told?.replaceAll(',', ''));
    expect(kept).toBeGreaterThan(0);
    expect(waits).toEqual([1, 2, 4, 8, 16]);
    const seen: ModelDownloadProgress[] = [];
    const listing = await download(store, (progress) => seen.push(progress));
    expect(await holdsWeights(store, listing)).toBe(true);
    expect(fileRequests(WEIGHTS).at(-1)?.range).toBe(`bytes=${kept}-`);
    expect(seen[0]).toMatchObject({ stage: 'Checking', fileLoaded: kept });
  });

  it('kept bytes that were damaged are found out and fetched anew', async () => {
    const listing = await client().list(name);
    const store = new MemoryStore();
    const part = await store.part(listing.files.find(({ path }) => path === WEIGHTS)!);
    await part.append(randomBytes(400_000));
    await download(store);
    expect(await holdsWeights(store, listing)).toBe(true);
    expect(fileRequests(WEIGHTS).map(({ range }) => range)).toEqual(['bytes=400000-', null]);
  });

  it('a cancel ends the download at once, and its bytes are kept', async () => {
    const store = new MemoryStore();
    hub.faults[WEIGHTS] = [{ kind: 'stall', after: 600_000 }];
    const controller = new AbortController();
    const stopped = download(
      store,
      ({ file, fileLoaded }) => {
        if (file === WEIGHTS && fileLoaded > 0) controller.abort();
      },
      controller.signal,
    );
    await expect(stopped).rejects.toBeInstanceOf(CancelledError);
    const listing = await download(store);
    expect(await holdsWeights(store, listing)).toBe(true);
    expect(fileRequests(WEIGHTS).at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
    await expect(client().list(name, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  it('gated models need a licence and a token, which goes to the hub alone', async () => {
    hub.models[ID] = { ...hub.models[ID], token: 'hf_right' };
    const fetchWith = async (token: string | null): Promise<MemoryStore> => {
      const store = new MemoryStore();
      await downloadModel(client(token), await client(token).list(name), store);
      return store;
    };
    const none = await failure(fetchWith(null));
    expect(none).toBeInstanceOf(HubAccessError);
    expect([none.code, none.next]).toEqual([
      'access',
      `Accept its licence at ${hub.address}/${ID}, then give an access token.`,
    ]);
    expect((await failure(fetchWith('hf_other'))).message).toMatch(/the account of this token may not read it/);
    hub.requests.length = 0;
    expect(await holdsWeights(await fetchWith(' hf_right\n'), await client().list(name))).toBe(true);
    expect(fileRequests(WEIGHTS)[0].token).toBe(null);
    expect(
      hub.requests.filter(({ path }) => path.startsWith(`/${ID}`)).every(({ token }) => token === 'hf_right'),
    ).toBe(true);
    hub.faults.revision = [{ kind: 'status', status: 401 }];
    expect((await failure(client('bad').list(name))).message).toMatch(/does not know this access token/);
  });

  it('says what is missing', async () => {
    const cases: [string, string, RegExp][] = [
      ['someone/else', 'main', /has no model “someone\/else” that everyone may read/],
      [ID, 'v9', /has no branch, tag or commit “v9”/],
    ];
    for (const [id, revision, words] of cases) {
      expect((await failure(client().list({ id, revision }))).message).toMatch(words);
    }
    hub.faults.revision = [{ kind: 'status', status: 404 }];
    expect((await failure(client().list(name))).message).toMatch(/has no model “someone\/tiny-model”/);
  });

  it('lists again where it was busy, and says when something else answers in its place', async () => {
    hub.faults.tree = [{ kind: 'status', status: 503, headers: { 'retry-after': '3' } }];
    expect((await client().list(name)).commit).toBe(COMMIT);
    expect(waits).toEqual([3]);
    hub.faults.revision = [{ kind: 'web page' }];
    expect((await failure(client().list(name))).message).toMatch(/did not answer as a hub does/);
    hub.faults.tree = [{ kind: 'web page' }];
    expect((await failure(client().list(name))).next).toMatch(/login page/);
  });

  it('that is not there, or no address, is said at once', async () => {
    const away = new HubClient({
      endpoint: 'http://127.0.0.1:9',
      token: null,
      wait: () => Promise.reject(new Error()),
    });
    expect(await failure(away.list(name))).toBeInstanceOf(NoAnswerError);
    for (const endpoint of ['huggingface.co', 'ftp://a', '', 'http://x?y']) {
      expect(() => new HubClient({ endpoint, token: null })).toThrow(/is not the address of a hub/);
    }
  });
});

describe('the time left', () => {
  it('follows what came of late, and is not told from nothing', () => {
    let now = 0;
    const rate = new TransferRate(() => now);
    expect(rate.secondsFor(100)).toBe(null);
    rate.mark(1000);
    expect(rate.secondsFor(100)).toBe(null);
    const advance = (seconds: number, perSecond: number, from: number): number => {
      let bytes = from;
      for (let i = 0; i < seconds * 10; i += 1) {
        now += 0.1;
        bytes += perSecond / 10;
        rate.mark(bytes);
      }
      return bytes;
    };
    let bytes = advance(20, 500, 1000);
    expect(rate.secondsFor(5000)).toBeCloseTo(10, 0);
    bytes = advance(30, 50, bytes);
    expect(rate.secondsFor(5000)).toBeCloseTo(100, -1);
    now += 10;
    expect(rate.secondsFor(5000)).toBeGreaterThan(130);
    rate.restart();
    rate.mark(bytes);
    expect(rate.secondsFor(1)).toBe(null);
  });
});
