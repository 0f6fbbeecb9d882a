/** C = Σ k kᵀ / count against the sum taken token by token in double precision; cancels and refusals. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError, EngineError } from '../../../src/engine/errors.ts';
import { batchOf, forwardRows } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { computeSecondMoments } from '../../../src/engine/statistics/second-moment.ts';
import { relativeError } from '../compare.ts';
import { openModel, TINY_MODEL } from '../support.ts';
import { randomFloats } from '../weights/support.ts';

let bench: ModelSession;

beforeAll(async () => {
  bench = await openModel(TINY_MODEL);
});

afterAll(() => bench.dispose());

function randomDocuments(lengths: readonly number[]): number[][] {
  return lengths.map((length, i) => Array.from(randomFloats(length, i + 1, 150), (value) => Math.floor(value + 150)));
}

/** One document at a time, so without padding. */
async function directSum(documents: readonly (readonly number[])[], layer: number): Promise<Float64Array> {
  const { intermediateSize } = bench.model.config;
  const sum = new Float64Array(intermediateSize ** 2);
  let count = 0;
  for (const ids of documents) {
    await forwardRows(bench.model, bench.model.weights, batchOf([ids]), {
      taps: (at) => (at === layer ? [BLOCK_OUTPUTS.key] : []),
      onTap: async (_, outputs) => {
        const keys = outputs[BLOCK_OUTPUTS.key]!.floats;
        for (let t = 0; t < ids.length; t += 1) {
          const key = keys.subarray(t * intermediateSize, (t + 1) * intermediateSize);
          for (let i = 0; i < intermediateSize; i += 1)
            for (let j = 0; j < intermediateSize; j += 1) sum[i * intermediateSize + j] += key[i] * key[j];
          count += 1;
        }
        return Promise.resolve();
      },
    });
  }
  return sum.map((value) => value / count);
}

describe('computeSecondMoments', () => {
  it('is the mean of k kᵀ over the tokens, padding and empty documents not counted', async () => {
    const documents = randomDocuments([7, 1, 30, 12, 3]);
    const moments = await computeSecondMoments(bench.model, [documents[0], [], ...documents.slice(1)], [0, 2]);
    expect([...moments.keys()].sort()).toEqual([0, 2]);
    for (const [layer, { matrix, tokens }] of moments) {
      expect(tokens).toBe(7 + 1 + 30 + 12 + 3);
      expect(matrix.dims).toEqual([128, 128]);
      expect(relativeError(matrix.floats, await directSum(documents, layer))).toBeLessThan(1e-5);
      matrix.dispose();
    }
  });

  it('is the same over several batches, which report the tokens done', async () => {
    const documents = randomDocuments(Array.from({ length: 40 }, (_, i) => 30 + (i % 20)));
    const total = documents.reduce((sum, { length }) => sum + length, 0);
    const progress: [number, number][] = [];
    const moments = await computeSecondMoments(bench.model, documents, [1], {
      onProgress: (done, all) => {
        progress.push([done, all]);
      },
    });
    expect(progress.length).toBeGreaterThan(1);
    expect(progress.map(([done]) => done)).toEqual(progress.map(([done]) => done).sort((a, b) => a - b));
    expect(progress.at(-1)).toEqual([total, total]);
    expect(relativeError(moments.get(1)!.matrix.floats, await directSum(documents, 1))).toBeLessThan(1e-5);
  });

  it('cuts documents to the context', async () => {
    const [long, short] = randomDocuments([100, 5]);
    const moments = await computeSecondMoments(bench.model, [long, short], [1]);
    expect(moments.get(1)!.tokens).toBe(64 + 5);
    const expected = await directSum([long.slice(0, 64), short], 1);
    expect(relativeError(moments.get(1)!.matrix.floats, expected)).toBeLessThan(1e-5);
  });

  it('stops between batches when it is cancelled', async () => {
    const documents = randomDocuments(Array.from({ length: 60 }, () => 50));
    const abort = new AbortController();
    let calls = 0;
    const run = computeSecondMoments(bench.model, documents, [1], {
      signal: abort.signal,
      onProgress: () => {
        calls += 1;
        abort.abort();
      },
    });
    await expect(run).rejects.toBeInstanceOf(CancelledError);
    expect(calls).toBe(1);
  });

  it.each([
    ['no document', []],
    ['only empty documents', [[], []]],
  ])('%s is refused', async (_, documents) => {
    const error: unknown = await computeSecondMoments(bench.model, documents, [1]).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe('statistics');
  });
});
