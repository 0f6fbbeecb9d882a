/** Statistics of the reference: archives that NumPy wrote, what is refused of them, and the layers they are for. */
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import { readFloats } from '../../../src/engine/runtime/device.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import type { ModelSource } from '../../../src/engine/sources/model-source.ts';
import {
  isReferenceStatistics,
  layerOf,
  readReferenceStatistics,
} from '../../../src/engine/statistics/reference-statistics.ts';
import { readZip } from '../../../src/engine/statistics/zip.ts';
import { memorySource, type ByteSource } from '../../../src/engine/weights/byte-source.ts';
import { relativeError } from '../compare.ts';
import { golden, TINY_MODEL } from '../support.ts';

const { size, tokens, archives, row, diagonal } = golden<{
  size: number;
  tokens: number;
  archives: Record<string, string>;
  row: number[];
  diagonal: number[];
}>('npz-statistics');

const NAME = 'transformer.h.1.mlp.c_proj_float32_mom2_100000.npz';
const bytesOf = (form: string): Uint8Array => new Uint8Array(Buffer.from(archives[form], 'base64'));
const fileOf = (form: string): ByteSource => memorySource(NAME, bytesOf(form));

describe('an archive of NumPy', () => {
  it.each(Object.keys(archives))('is read (%s)', async (form) => {
    const read = await readReferenceStatistics(fileOf(form), size);
    expect(read.tokens).toBe(tokens);
    expect(relativeError(read.values.slice(0, size), row)).toBeLessThan(1e-6);
    expect(
      relativeError(
        diagonal.map((_, i) => read.values[i * size + i]),
        diagonal,
      ),
    ).toBeLessThan(1e-6);
  });

  it('is read in pieces', async () => {
    const width = 700;
    const { archive, expected } = diagonalOf(width);
    let longest = 0;
    const source: ByteSource = {
      ...memorySource(NAME, archive),
      read: (start, end) => {
        longest = Math.max(longest, end - start);
        return Promise.resolve(archive.subarray(start, end));
      },
    };
    expect(relativeError((await readReferenceStatistics(source, width)).values, expected)).toBe(0);
    expect(longest).toBeLessThan(archive.length);
    expect(longest).toBeLessThanOrEqual(2 ** 20);
  });

  it('of keys of another size is refused', async () => {
    await expect(readReferenceStatistics(fileOf('float32'), size + 1)).rejects.toThrow(
      `its matrix is ${size} × ${size}`,
    );
  });

  it.each(Object.keys(archives))('that is damaged anywhere in its arrays is refused (%s)', async (form) => {
    const entries = await readZip(fileOf(form));
    for (const { name, offset, compressedSize } of entries.filter((entry) => /count|mom2\.mom2/.test(entry.name))) {
      for (const share of [0.3, 0.6, 0.95]) {
        const bytes = bytesOf(form);
        bytes[offset + 30 + name.length + 20 + Math.floor((compressedSize - 1) * share)] ^= 0x10;
        await expect(readReferenceStatistics(memorySource(NAME, bytes), size)).rejects.toThrow(NAME);
      }
    }
  });

  it('that is cut short, or no archive, is refused', async () => {
    const bytes = bytesOf('float64 deflated');
    for (const cut of [0, 10, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const source = memorySource(NAME, bytes.slice(0, cut));
      await expect(readReferenceStatistics(source, size)).rejects.toThrow(/no ZIP archive/);
    }
  });

  it('without the arrays is refused by their name', async () => {
    const bytes = bytesOf('float32');
    const text = Buffer.from(bytes).toString('latin1').replaceAll('mom2.count.npy', 'mom2.cOunt.npy');
    const source = memorySource(NAME, new Uint8Array(Buffer.from(text, 'latin1')));
    await expect(readReferenceStatistics(source, size)).rejects.toThrow(/holds no “mom2.count”/);
  });
});

describe('the layer of a file', () => {
  const gpt2 = Array.from({ length: 12 }, (_, layer) => `h.${layer}.mlp.c_proj.weight`);
  const llama = Array.from({ length: 12 }, (_, layer) => `model.layers.${layer}.mlp.down_proj.weight`);

  it.each([
    ['transformer.h.5.mlp.c_proj_float32_mom2_100000.npz', gpt2, 5],
    ['transformer.h.11.mlp.c_proj_float64_mom2.npz', gpt2, 11],
    ['h.1.mlp.c_proj_float32_mom2_t512_1000.npz', gpt2, 1],
    ['model.layers.10.mlp.down_proj_float32_mom2_100000.npz', llama, 10],
    // Of a deeper model, of another projection, of another family, of none.
    ['transformer.h.12.mlp.c_proj_float32_mom2_100000.npz', gpt2, null],
    ['transformer.h.5.mlp.c_fc_float32_mom2_100000.npz', gpt2, null],
    ['transformer.h.5.mlp.c_proj_float32_mom2_100000.npz', llama, null],
    ['statistics.npz', gpt2, null],
  ])('%s', (name, tensors, layer) => {
    expect(layerOf(name, tensors)).toBe(layer);
  });

  it('is told by names of the reference’s form alone', () => {
    expect(isReferenceStatistics('transformer.h.5.mlp.c_proj_float32_mom2_100000.npz')).toBe(true);
    expect(isReferenceStatistics('transformer.h.5.mlp.c_proj_float32_mean_100000.npz')).toBe(false);
    expect(isReferenceStatistics('weights.npz')).toBe(false);
  });
});

describe('a model', () => {
  /** The golden is of other sizes than the tiny model's keys: its F is 128. */
  const withFiles = (source: ModelSource, files: readonly ByteSource[]): ModelSource => ({
    ...source,
    list: async (signal) => [
      ...((await source.list(signal)) ?? []),
      ...files.map((file) => ({ path: file.name, size: file.size, sha256: null })),
    ],
    open: async (path, onProgress, signal) =>
      files.find(({ name }) => name === path) ?? source.open(path, onProgress, signal),
  });

  it('says of a file that does not fit which it is, when the layer is wanted', async () => {
    const source = withFiles(folderSource(TINY_MODEL), [fileOf('float32')]);
    const session = await openSession(source, await startWasm(1));
    try {
      await expect(session.covariances.prepare([1])).rejects.toThrow(/c_proj_float32.*48 × 48.*have 128 numbers/);
      // Another layer has no file, and there is no text.
      await expect(session.covariances.prepare([2])).rejects.toThrow(/no statistics for layer 2/);
    } finally {
      await session.dispose();
    }
  });

  it('takes those that fit from the user before all others', async () => {
    const { archive, tokens: count, expected } = diagonalOf(128);
    const file = memorySource('transformer.h.2.mlp.c_proj_float32_mom2_10.npz', archive);
    const session = await openSession(folderSource(TINY_MODEL), await startWasm(1), { statisticsFiles: [file] });
    try {
      await session.covariances.prepare([2]);
      const matrix = await session.covariances.covarianceOf(2);
      expect(await readFloats(session.model.runtime.device, matrix)).toEqual(expected);
      expect(session.covariances.tokensOf(2)).toBe(count);
    } finally {
      await session.dispose();
    }
  });

  it('refuses a file whose name fits no layer', async () => {
    const file = memorySource('transformer.h.40.mlp.c_proj_float32_mom2_10.npz', bytesOf('float32'));
    await expect(
      openSession(folderSource(TINY_MODEL), await startWasm(1), { statisticsFiles: [file] }),
    ).rejects.toThrow(/gives no layer of this model/);
  });
});

/** A stored archive of a diagonal matrix, made by hand: sums 1, 2, 3 … over 4 tokens. */
function diagonalOf(width: number): { archive: Uint8Array; tokens: number; expected: Float32Array } {
  const count = 4;
  const sums = new Float32Array(width * width);
  for (let i = 0; i < width; i += 1) sums[i * width + i] = i + 1;
  const npy = (descr: string, shape: string, data: Uint8Array): Uint8Array => {
    const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + '\n';
    const head = new Uint8Array(10 + text.length);
    head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
    head.set(new TextEncoder().encode(text), 10);
    return new Uint8Array(Buffer.concat([head, data]));
  };
  const entries = {
    'mom2.count.npy': npy('<i8', '()', new Uint8Array(BigInt64Array.of(BigInt(count)).buffer)),
    'mom2.mom2.npy': npy('<f4', `(${width}, ${width})`, new Uint8Array(sums.buffer)),
  };
  return { archive: zipSync(entries, { level: 0 }), tokens: count, expected: sums.map((sum) => sum / count) };
}
