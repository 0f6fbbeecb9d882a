/** Statistics files: what is written comes back; everything else is refused. */
import { describe, expect, it } from 'vitest';
import { EngineError, SafetensorsError } from '../../../src/engine/errors.ts';
import {
  readStatistics,
  writeStatistics,
  type StatisticsFile,
} from '../../../src/engine/statistics/statistics-file.ts';
import { encodeFloats } from '../../../src/engine/weights/dtype.ts';
import { collect, safetensorsParts } from '../../../src/engine/weights/safetensors-writer.ts';
import { randomFloats } from '../weights/support.ts';

const SIZE = 5;

function symmetric(seed: number): Float32Array {
  const matrix = randomFloats(SIZE * SIZE, seed);
  for (let i = 0; i < SIZE; i += 1) matrix[i * SIZE + i] = Math.abs(matrix[i * SIZE + i]);
  for (let i = 0; i < SIZE; i += 1) for (let j = 0; j < i; j += 1) matrix[j * SIZE + i] = matrix[i * SIZE + j];
  return matrix;
}

const statistics: StatisticsFile = {
  modelHash: 'a'.repeat(64),
  textHash: 'b'.repeat(64),
  tokens: 12_345,
  complete: false,
  layers: new Map([
    [3, symmetric(1)],
    [11, symmetric(2)],
  ]),
};

/** A file with one tensor, `values` numbers under `name`. */
function file(metadata: Record<string, string>, name = 'layer.3.second_moment', values = 15): Promise<Uint8Array> {
  const bytes = (): Uint8Array => encodeFloats(randomFloats(values, 3).map(Math.abs), 'F32');
  return collect(safetensorsParts([{ name, dtype: 'F32', shape: [values], bytes }], metadata));
}

/** The model that the statistics are of. */
const model = { is: (hash: string): Promise<boolean> => Promise.resolve(hash === statistics.modelHash) };

const metadata = {
  format: 'memit-statistics',
  format_version: '1',
  model_hash: statistics.modelHash,
  text_hash: statistics.textHash,
  tokens: '10',
};

describe('statistics files', () => {
  it('bring back what was written, bit for bit', async () => {
    const bytes = await writeStatistics(statistics, SIZE);
    expect(await readStatistics(bytes, model, SIZE)).toEqual(statistics);
    // Half of each matrix is stored: two triangles of 15 numbers, and a header.
    expect(bytes.byteLength).toBeLessThan(2 * 4 * 15 + 600);
  });

  it('are read when another writer made them', async () => {
    const read = await readStatistics(await file(metadata), model, SIZE);
    expect(read.tokens).toBe(10);
    expect(read.layers.get(3)?.[1]).toBe(Math.abs(randomFloats(15, 3)[1]));
    expect(read.layers.get(3)?.[SIZE]).toBe(Math.abs(randomFloats(15, 3)[1]));
  });

  it.each([
    ['of another model', { ...metadata, model_hash: 'c'.repeat(64) }, undefined, undefined, /of another model/],
    ['of another version', { ...metadata, format_version: '2' }, undefined, undefined, /not a statistics file/],
    ['of another program', { format: 'pt' }, undefined, undefined, /not a statistics file/],
    ['without tokens', { ...metadata, tokens: '0' }, undefined, undefined, /not a statistics file/],
    ['with another tensor', metadata, 'transformer.wte.weight', undefined, /“transformer.wte.weight” does not belong/],
    ['of another width', metadata, undefined, 21, /“layer.3.second_moment” does not belong/],
  ] as const)('%s are refused', async (_, header, name, values, message) => {
    const reading = readStatistics(await file(header, name, values), model, SIZE);
    const error: unknown = await reading.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe('statistics');
    expect((error as EngineError).message).toMatch(message);
  });

  it('with numbers that no second moment has, or a layer twice, are refused', async () => {
    const written = (names: string[], change: (packed: Float32Array) => void): Promise<Uint8Array> => {
      const packed = randomFloats(15, 3).map(Math.abs);
      change(packed);
      const entry = { dtype: 'F32' as const, shape: [15], bytes: () => encodeFloats(packed, 'F32') };
      return collect(
        safetensorsParts(
          names.map((name) => ({ name, ...entry })),
          metadata,
        ),
      );
    };
    const one = ['layer.3.second_moment'];
    const nothing = (): void => undefined;
    const refusals: [Promise<Uint8Array>, RegExp][] = [
      [written([...one, 'layer.03.second_moment'], nothing), /has layer 3 twice/],
      [written(one, (packed) => (packed[4] = NaN)), /layer 3 holds a number that is not finite/],
      [written(one, (packed) => (packed[4] = -Infinity)), /layer 3 holds a number that is not finite/],
      // The third of the diagonal: rows of one, two and three numbers.
      [written(one, (packed) => (packed[5] = -1e-9)), /layer 3 has a negative square at position 2/],
    ];
    for (const [bytes, message] of refusals) {
      const error: unknown = await readStatistics(await bytes, model, SIZE).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(EngineError);
      expect(error).toMatchObject({ code: 'statistics', message: expect.stringMatching(message) as string });
    }
  });

  it('that are garbage, or cut short, are refused', async () => {
    const garbage = Uint8Array.from({ length: 200 }, (_, i) => (i * 37 + 11) & 0xff);
    const whole = await writeStatistics(statistics, SIZE);
    for (const bytes of [garbage, whole.subarray(0, 5), whole.subarray(0, whole.length - 4)]) {
      await expect(readStatistics(bytes, model, SIZE)).rejects.toBeInstanceOf(SafetensorsError);
    }
  });
});
