/**
 * The demo model with a committed patch, exported: the file is byte for byte the one `transformers` loaded, and read back
 * it says what `transformers` said (tests/reference/check_export.py).
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPatchFile } from '../../../src/engine/patches/patch-file.ts';
import { memorySource } from '../../../src/engine/weights/byte-source.ts';
import { collect } from '../../../src/engine/weights/safetensors-writer.ts';
import { readFloats, readSafetensors, type SafetensorsFile } from '../../../src/engine/weights/safetensors.ts';
import { predict, promptIds } from '../../../src/engine/session/asking.ts';
import { exportModel } from '../../../src/engine/session/export.ts';
import type { ModelSession } from '../../../src/engine/session/session.ts';
import { settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { DEMO_MODEL, golden, nextTokenLogits, openModel } from '../support.ts';
import { bytesOf } from '../weights/support.ts';

interface ExportGolden {
  weights: { file: string; sha256: string };
  logitStride: number;
  prompts: { prompt: string; ids: number[]; logits: number[]; top: { id: number; logprob: number }[] }[];
}

const oracle = golden<ExportGolden>('demo-export');
const rows = oracle.prompts.map(({ ids }) => ids);
let folder: string;
let session: ModelSession;
let patchId: string;
/** Next-token logits of the edited model in memory. */
let inMemory: Float32Array[];
const opened: ModelSession[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'memit-export-'));
  session = await openModel(DEMO_MODEL, { ignoreShipped: true });
  const patch = await readPatchFile(
    await readFile('tests/reference/goldens/demo-export-patch.safetensors'),
    settingsSchemas(),
  );
  await session.add(patch);
  patchId = patch.id;
  inMemory = await nextTokenLogits(session.model, await session.weights(), rows);
});

afterAll(async () => {
  for (const each of [session, ...opened]) await each.dispose();
  await rm(folder, { recursive: true });
});

async function exported(dtype: 'source' | 'F32'): Promise<Uint8Array> {
  return collect((await exportModel(session, 'safetensors', { dtype })).parts);
}

/** The weights in a folder beside the demo model's config and tokenizer, opened. */
async function reopened(bytes: Uint8Array): Promise<ModelSession> {
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(join(DEMO_MODEL, name), join(folder, name));
  }
  await writeFile(join(folder, 'model.safetensors'), bytes);
  const model = await openModel(folder);
  opened.push(model);
  return model;
}

/** The one file the weights lie in. */
function fileOf({ tensors }: ModelSession): SafetensorsFile {
  expect(tensors.shards.length).toBe(1);
  return tensors.shards[0];
}

function largestDifference(actual: readonly Float32Array[], expected: readonly Float32Array[]): number {
  return Math.max(...expected.flatMap((row, r) => Array.from(row, (value, i) => Math.abs(actual[r][i] - value))));
}

describe('the full export', () => {
  it('is the file that transformers loaded, and says the same', async () => {
    const bytes = await exported('source');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(oracle.weights.sha256);
    const model = await reopened(bytes);
    expect(oracle.prompts.map(({ prompt }) => promptIds(model, prompt))).toEqual(rows);
    const logits = await nextTokenLogits(model.model, model.model.weights, rows);
    oracle.prompts.forEach(({ logits: expected }, r) => {
      const kept = logits[r].filter((_, i) => i % oracle.logitStride === 0);
      expect(kept.length).toBe(expected.length);
      expect(Math.max(...expected.map((value, i) => Math.abs(kept[i] - value)))).toBeLessThan(1e-4);
    });
    const tops = await predict(
      model,
      oracle.prompts.map(({ prompt }) => prompt),
    );
    oracle.prompts.forEach(({ top }, r) => {
      expect(tops[r].map(({ id }) => id)).toEqual(top.map(({ id }) => id));
      top.forEach(({ logprob }, t) => expect(Math.abs(tops[r][t].logProbability - logprob)).toBeLessThan(1e-4));
    });
  });

  it('in the dtype of the source differs from the model in memory by the rounding of the edited tensors only', async () => {
    const model = await reopened(await exported('source'));
    const logits = await nextTokenLogits(model.model, model.model.weights, rows);
    expect(largestDifference(logits, inMemory)).toBeLessThan(5e-3);
  });

  it('in F32 is the model in memory, with the names, order, shapes and metadata of the source', async () => {
    const model = await reopened(await exported('F32'));
    const logits = await nextTokenLogits(model.model, model.model.weights, rows);
    expect(largestDifference(logits, inMemory)).toBeLessThan(1e-6);
    const described = (dtype: (stored: string) => string, { tensors }: ModelSession) =>
      tensors.tensors.map(({ name, shape, dtype: stored }) => ({ name, shape, dtype: dtype(stored) }));
    expect(described((stored) => stored, model)).toEqual(described(() => 'F32', session));
    expect(fileOf(model).metadata).toEqual(fileOf(session).metadata);
  });

  it('in the dtype of the source keeps names, order, shapes, dtypes and metadata, and every byte that is not edited', async () => {
    const bytes = await exported('source');
    const source = await readFile(join(DEMO_MODEL, 'model.safetensors'));
    const file = fileOf(await reopened(bytes));
    expect(file.tensors).toEqual(fileOf(session).tensors);
    expect(file.metadata).toEqual(fileOf(session).metadata);
    const different = file.tensors
      .filter(({ start, end }) => source.compare(bytes, start, end, start, end) !== 0)
      .map(({ name }) => name);
    expect(different).toEqual(session.stack.enabled[0].deltas.map(({ tensor }) => tensor));
  });

  it('is the source file when the patch is off', async () => {
    session.stack.setEnabled(patchId, false);
    try {
      const source = await readFile(join(DEMO_MODEL, 'model.safetensors'));
      expect(Buffer.compare(await exported('source'), source)).toBe(0);
    } finally {
      session.stack.setEnabled(patchId, true);
    }
  });
});

describe('the export of what changed', () => {
  it('holds the edited tensors alone, as they are in memory', async () => {
    const { parts } = await exportModel(session, 'changed-tensors', { dtype: 'F32' });
    const file = await readSafetensors(memorySource('changed.safetensors', await collect(parts)));
    const names = session.stack.enabled[0].deltas.map(({ tensor }) => tensor);
    expect(file.tensors.map(({ name }) => name)).toEqual(names);
    const weights = await session.weights();
    for (const name of names) {
      expect(Buffer.compare(bytesOf(await readFloats(file, name)), bytesOf(weights.get(name).floats))).toBe(0);
    }
  });
});
