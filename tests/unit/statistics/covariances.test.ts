/** Where covariances come from: memory, the file beside the model, the host's store, and the text, in this order. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CancelledError, EngineError } from '../../../src/engine/errors.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { Covariances } from '../../../src/engine/statistics/covariances.ts';
import { computeSecondMoments } from '../../../src/engine/statistics/second-moment.ts';
import { ShippedStatistics } from '../../../src/engine/statistics/shipped-statistics.ts';
import {
  readStatistics,
  writeStatistics,
  type StatisticsFile,
} from '../../../src/engine/statistics/statistics-file.ts';
import type { StatisticsSource } from '../../../src/engine/statistics/statistics-source.ts';
import { StoredStatistics, type StatisticsStore } from '../../../src/engine/statistics/stored-statistics.ts';
import { documentsOf, TextStatistics } from '../../../src/engine/statistics/text-statistics.ts';
import { ModelTokenizer } from '../../../src/engine/tokens/tokenizer.ts';
import { sha256Text, type ModelIdentity } from '../../../src/engine/weights/model-hash.ts';
import { relativeError } from '../compare.ts';
import { openModel, TINY_MODEL } from '../support.ts';
import { TINY_TEXT } from '../tiny.ts';
import { randomFloats } from '../weights/support.ts';

/** A store in memory that counts. */
class CountingStore implements StatisticsStore {
  readonly files = new Map<string, Uint8Array>();
  reads = 0;
  writes = 0;

  read(key: string): Promise<Uint8Array | null> {
    this.reads += 1;
    return Promise.resolve(this.files.get(key) ?? null);
  }

  write(key: string, bytes: Uint8Array): Promise<void> {
    this.writes += 1;
    this.files.set(key, bytes);
    return Promise.resolve();
  }
}

let bench: ModelSession;
let store: CountingStore;

beforeAll(async () => {
  bench = await openModel(TINY_MODEL);
});

afterAll(() => bench.dispose());

beforeEach(() => {
  store = new CountingStore();
});

interface Given {
  identity: ModelIdentity;
  text: string | null;
  shipped: StatisticsFile | null;
}

/** The sources as an opened model has them: the file, the store and the text, the last two where there is a text. */
async function covariances(given: Partial<Given> = {}): Promise<Covariances> {
  const { model, tokenizer } = bench;
  const { identity, text, shipped }: Given = { identity: bench.identity, text: TINY_TEXT, shipped: null, ...given };
  const { device } = model.runtime;
  const sources: StatisticsSource[] = [];
  if (shipped) sources.push(new ShippedStatistics(device, shipped, 128));
  if (text !== null) {
    sources.push(new StoredStatistics(device, store, identity, text, 128));
    sources.push(new TextStatistics(model, tokenizer, text));
  }
  return new Covariances(model.linalg, sources);
}

/** Another model, to whoever asks for its identity. */
const another: ModelIdentity = {
  hash: 'f'.repeat(64),
  is: async (hash) => hash === another.hash,
  formerHash: async () => another.hash,
};

function documents(): number[][] {
  return TINY_TEXT.split('\n').map((line) => bench.tokenizer.encode(line, { special: true }));
}

async function failure(run: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await run.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

describe('Covariances', () => {
  it('computes from the text, line by line, and stores a file per layer', async () => {
    const fresh = await covariances();
    expect(fresh.tokensOf(1)).toBe(0);
    await fresh.prepare([1, 2]);
    const expected = await computeSecondMoments(bench.model, documents(), [1, 2]);
    for (const [layer, { matrix, tokens }] of expected) {
      expect((await fresh.covarianceOf(layer)).floats).toEqual(matrix.floats);
      expect(fresh.tokensOf(layer)).toBe(tokens);
    }
    expect([store.reads, store.writes]).toEqual([2, 2]);
    expect(store.files.size).toBe(2);
    const read = await Promise.all(
      [...store.files.values()].map((bytes) => readStatistics(bytes, bench.identity, 128)),
    );
    expect(read.map(({ layers }) => [...layers.keys()])).toEqual([[1], [2]]);
    expect(read[0].textHash).toBe(await sha256Text(TINY_TEXT));
    fresh.dispose();
  });

  it('keeps what it has: a second time nothing is read, only a new layer is computed', async () => {
    const fresh = await covariances();
    await fresh.prepare([1]);
    const matrix = await fresh.covarianceOf(1);
    const progress: number[] = [];
    const onProgress = (done: number): void => {
      progress.push(done);
    };
    await fresh.prepare([1], { onProgress });
    expect(await fresh.covarianceOf(1)).toBe(matrix);
    expect([store.reads, store.writes, progress.length]).toEqual([1, 1, 0]);
    await fresh.prepare([1, 3], { onProgress });
    expect([store.reads, store.writes, progress.length]).toEqual([2, 2, 1]);
    expect(await fresh.covarianceOf(1)).toBe(matrix);
    fresh.dispose();
    expect(matrix.disposed).toBe(true);
  });

  it('factors a layer once, and has no factor of a matrix that is not positive definite', async () => {
    const fresh = await covariances();
    await fresh.prepare([1]);
    const factor = await fresh.factorOf(1);
    expect(factor).not.toBeNull();
    expect(await fresh.factorOf(1)).toBe(factor);
    fresh.dispose();

    const singular = { modelHash: bench.hash, textHash: 'b'.repeat(64), tokens: 7, complete: true, layers: new Map() };
    singular.layers.set(1, new Float32Array(128 * 128).fill(1));
    const shipped = await readStatistics(await writeStatistics(singular, 128), bench.identity, 128);
    const given = await covariances({ shipped });
    await given.prepare([1]);
    expect(await given.factorOf(1)).toBeNull();
    given.dispose();
  });

  it('takes from the store what another run computed, bit for bit', async () => {
    const writer = await covariances();
    await writer.prepare([1, 2]);
    const reader = await covariances();
    const progress: number[] = [];
    await reader.prepare([2, 1], {
      onProgress: (done) => {
        progress.push(done);
      },
    });
    expect(progress).toEqual([]);
    expect([store.reads, store.writes]).toEqual([4, 2]);
    for (const layer of [1, 2]) {
      expect((await reader.covarianceOf(layer)).floats).toEqual((await writer.covarianceOf(layer)).floats);
    }
    expect(reader.tokensOf(2)).toBe(writer.tokensOf(2));
  });

  it('does not take the statistics of another text or another model', async () => {
    await (await covariances()).prepare([1]);
    await (await covariances({ text: `${TINY_TEXT}\nAnother line.` })).prepare([1]);
    expect(store.writes).toBe(2);
    await (await covariances({ identity: another })).prepare([1]);
    expect(store.writes).toBe(3);
  });

  it.each<[string, (files: Map<string, Uint8Array>, key: string) => void]>([
    ['cut short', (files, key) => files.set(key, files.get(key)!.subarray(0, 1000))],
    ['not safetensors', (files, key) => files.set(key, new TextEncoder().encode('<!doctype html><title>404</title>'))],
    ["another model's", (files, key) => files.set(key, files.get('another')!)],
    ["another layer's", (files, key) => files.set(key, files.get('layer 2')!)],
  ])('computes anew, and replaces, a stored file that is %s', async (_, damage) => {
    const writer = await covariances();
    await writer.prepare([1]);
    const [key, good] = [...store.files][0];
    await (await covariances()).prepare([2]);
    store.files.set('layer 2', [...store.files.values()][1]);
    await (await covariances({ identity: another })).prepare([1]);
    store.files.set('another', [...store.files.values()].at(-1)!);
    damage(store.files, key);
    const reader = await covariances();
    await reader.prepare([1]);
    expect((await reader.covarianceOf(1)).floats).toEqual((await writer.covarianceOf(1)).floats);
    expect(store.files.get(key)).toEqual(good);
  });

  it('prefers the file that came with the model, and computes only what it lacks', async () => {
    const matrix = randomFloats(128 * 128, 9).map(Math.abs);
    const bytes = await writeStatistics(
      { modelHash: bench.hash, textHash: 'b'.repeat(64), tokens: 77, complete: true, layers: new Map([[1, matrix]]) },
      128,
    );
    const shipped = await readStatistics(bytes, bench.identity, 128);
    const given = await covariances({ shipped });
    await given.prepare([1]);
    expect((await given.covarianceOf(1)).floats).toEqual(shipped.layers.get(1));
    expect(given.tokensOf(1)).toBe(77);
    expect([store.reads, store.writes]).toEqual([0, 0]);
    await given.prepare([1, 2]);
    expect([store.reads, store.writes]).toEqual([1, 1]);
    const expected = await computeSecondMoments(bench.model, documents(), [2]);
    expect(relativeError((await given.covarianceOf(2)).floats, expected.get(2)!.matrix.floats)).toBe(0);
  });

  it('takes as many documents as are asked for, stores them, and goes on from there when more are wanted', async () => {
    const text = `${TINY_TEXT}\n\nA third document.\nAnd a fourth one.`;
    const rows = documentsOf(text, bench.tokenizer).filter(({ length }) => length > 0);
    const after = rows.map((_, i) => rows.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0));
    const progress: number[] = [];
    const onProgress = (done: number): void => {
      progress.push(done);
    };
    const writer = await covariances({ text });
    await writer.prepare([1], { tokens: after[0] + 1, onProgress });
    expect([writer.tokensOf(1), ...progress]).toEqual([after[1], after[1]]);
    await writer.prepare([1], { tokens: after[0], onProgress });
    expect([writer.tokensOf(1), store.writes]).toEqual([after[1], 1]);

    const reader = await covariances({ text });
    await reader.prepare([1], { tokens: after[2], onProgress });
    expect([reader.tokensOf(1), store.writes, ...progress]).toEqual([after[2], 2, after[1], after[2]]);
    await reader.prepare([1, 2], { onProgress });
    const expected = await computeSecondMoments(bench.model, rows, [1, 2]);
    for (const layer of [1, 2]) {
      expect(reader.tokensOf(layer)).toBe(after.at(-1));
      const { floats } = await reader.covarianceOf(layer);
      expect(relativeError(floats, expected.get(layer)!.matrix.floats)).toBeLessThan(1e-6);
    }
    const stored = [...store.files.values()].map((bytes) => readStatistics(bytes, bench.identity, 128));
    expect((await Promise.all(stored)).map(({ complete }) => complete)).toEqual([true, true]);
    const writes = store.writes;
    await (
      await covariances({ text })
    ).prepare([1, 2], { onProgress: () => expect.unreachable('all of it was stored') });
    expect(store.writes).toBe(writes);
  });

  it('drops the factor of statistics that grew', async () => {
    const fresh = await covariances();
    await fresh.prepare([1], { tokens: 1 });
    const few = await fresh.factorOf(1);
    await fresh.prepare([1]);
    expect(await fresh.factorOf(1)).not.toBe(few);
    fresh.dispose();
  });

  it('leaves nothing half done when it is cancelled', async () => {
    const fresh = await covariances({ text: Array.from({ length: 30 }, () => TINY_TEXT).join('\n') });
    const abort = new AbortController();
    let calls = 0;
    const run = fresh.prepare([1], {
      signal: abort.signal,
      onProgress: () => {
        calls += 1;
        abort.abort();
      },
    });
    expect(await failure(run)).toBeInstanceOf(CancelledError);
    expect([calls, store.writes, fresh.tokensOf(1)]).toEqual([1, 0, 0]);
    expect((await failure(fresh.covarianceOf(1))).code).toBe('statistics');
    await fresh.prepare([1]);
    expect((await fresh.covarianceOf(1)).dims).toEqual([128, 128]);
  });

  it.each([
    ['without a text', null, /no statistics for layer 1, 2 and no text/],
    ['with a text that holds nothing', '\n\n', /holds no token/],
  ])('%s says so', async (_, text, message) => {
    const error = await failure((await covariances({ text })).prepare([1, 2]));
    expect(error.code).toBe('statistics');
    expect(error.message).toMatch(message);
  });
});

describe('documents', () => {
  it('are the lines of the text, each begun as the tokenizer begins a text; what is empty stays so', () => {
    const folder = 'tests/reference/models/llama-form';
    const tokenizer = ModelTokenizer.create(readFileSync(`${folder}/tokenizer.json`, 'utf8'), '{}');
    const documents = documentsOf('The town\n\nA lake', tokenizer);
    expect(documents.map(({ length }) => length > 0)).toEqual([true, false, true]);
    for (const [i, line] of ['The town', '', 'A lake'].entries()) {
      const plain = tokenizer.encode(line, { special: false });
      expect(documents[i].slice(documents[i].length - plain.length)).toEqual(plain);
      expect(documents[i].length - plain.length).toBe(line === '' ? 0 : 1);
    }
  });
});
