/** Rows that are longer than attention takes at once come out as those that it takes in one go, with and without sliding windows. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchOf, forwardRows } from '../../../src/engine/model/forward.ts';
import { BLOCK_OUTPUTS } from '../../../src/engine/model/graphs.ts';
import { KeyValueCache } from '../../../src/engine/model/key-value-cache.ts';
import type { LanguageModel } from '../../../src/engine/model/language-model.ts';
import { stretchLength } from '../../../src/engine/model/stretches.ts';
import { relativeError } from '../compare.ts';
import { loadFolder } from '../families/load.ts';
import { cpuBackend } from '../support.ts';

const LENGTH = 401;
/** Bytes that a kernel may read: the scores of 64 tokens, or few more. */
const NARROW = 256 * 1024;
const LAYER = 1;

/** A family's small random model, which reads longer texts. */
async function longModel(name: string, largestBinding?: number): Promise<LanguageModel> {
  const folder = `tests/reference/models/family-${name}`;
  const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')) as Record<string, unknown>;
  const longer = {
    ...config,
    max_position_embeddings: 512,
    ...('sliding_window' in config && { sliding_window: 90 }),
  };
  return (await loadFolder(folder, longer, await cpuBackend({ largestBinding }))).model;
}

function tokens(length: number, seed: number): number[] {
  return Array.from({ length }, (_, i) => (i * 7919 + (i % 13) * 31 + seed) % 61);
}

/** The hidden states of the rows, and the keys that a layer's output projection reads, padding left out. */
async function run(model: LanguageModel, rows: readonly number[][]): Promise<number[]> {
  const batch = batchOf(rows);
  const found: number[] = [];
  const keep = (values: Float32Array): void => {
    const width = values.length / (rows.length * batch.length);
    rows.forEach((row, r) =>
      found.push(...values.subarray(r * batch.length * width, (r * batch.length + row.length) * width)),
    );
  };
  const hidden = await forwardRows(model, model.weights, batch, {
    taps: (layer) => (layer === LAYER ? [BLOCK_OUTPUTS.key] : []),
    onTap: (_, outputs) => {
      keep(outputs[BLOCK_OUTPUTS.key]!.floats);
      return Promise.resolve();
    },
  });
  keep(hidden.floats);
  return found;
}

describe.each(['mistral', 'gemma2', 'qwen3'])('%s', (name) => {
  let whole: LanguageModel;
  let narrow: LanguageModel;

  beforeAll(async () => {
    whole = await longModel(name);
    narrow = await longModel(name, NARROW);
  });

  afterAll(async () => {
    await whole.dispose();
    await narrow.dispose();
  });

  it('runs rows of different lengths a stretch at a time', async () => {
    const rows = [tokens(LENGTH, 0), tokens(150, 5)];
    expect(stretchLength(whole, 2, LENGTH)).toBeGreaterThan(LENGTH);
    expect(stretchLength(narrow, 2, LENGTH)).toBeLessThan(LENGTH / 3);
    expect(relativeError(await run(narrow, rows), await run(whole, rows))).toBeLessThan(1e-5);
  });

  it('fills a cache so, and goes on from it', async () => {
    const ids = tokens(LENGTH, 3);
    const { cache, hidden: first } = await KeyValueCache.open(narrow, narrow.weights, batchOf([ids.slice(0, 140)]));
    const second = await cache.extend(batchOf([ids.slice(140, -1)]), { keep: true });
    const last = await cache.extend(batchOf([ids.slice(-1)]), { keep: false });
    const states = [first, second, last].flatMap(({ floats }) => [...floats]);
    const expected = await forwardRows(whole, whole.weights, batchOf([ids]));
    expect(relativeError(states, expected.floats)).toBeLessThan(1e-5);
    cache.dispose();
  });
});
