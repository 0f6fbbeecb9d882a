/**
 * Statistics on disk: one safetensors file, per layer the lower triangle of C row by row (C is symmetric), with the hash
 * of the model they belong to, so that another model's statistics are refused.
 */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { ModelIdentity } from '../weights/model-hash.ts';
import { memorySource, type ByteSource } from '../weights/byte-source.ts';
import { encodeFloats, firstNotFinite } from '../weights/dtype.ts';
import { readFloats, readSafetensors } from '../weights/safetensors.ts';
import { collect, safetensorsParts } from '../weights/safetensors-writer.ts';

const FORMAT = 'memit-statistics';
const FORMAT_VERSION = '1';

export interface StatisticsFile {
  readonly modelHash: string;
  /** SHA-256 of the text, hex. */
  readonly textHash: string;
  /** Tokens the second moments were taken over. */
  readonly tokens: number;
  /** Whether these are all the tokens of the text. */
  readonly complete: boolean;
  /** Per layer C, [F · F] row-major. */
  readonly layers: ReadonlyMap<number, Float32Array>;
}

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  format_version: z.literal(FORMAT_VERSION),
  model_hash: z.string(),
  text_hash: z.string(),
  tokens: z.coerce.number().int().positive(),
  /** Absent in files from before statistics could be taken over a part of a text. */
  complete: z.enum(['true', 'false']).default('true'),
});

export async function writeStatistics(statistics: StatisticsFile, intermediateSize: number): Promise<Uint8Array> {
  const entries = [...statistics.layers].map(([layer, matrix]) => ({
    name: tensorName(layer),
    dtype: 'F32' as const,
    shape: [packedSize(intermediateSize)],
    bytes: () => encodeFloats(pack(matrix, intermediateSize), 'F32'),
  }));
  return collect(
    safetensorsParts(entries, {
      format: FORMAT,
      format_version: FORMAT_VERSION,
      model_hash: statistics.modelHash,
      text_hash: statistics.textHash,
      tokens: String(statistics.tokens),
      complete: String(statistics.complete),
    }),
  );
}

/**
 * @throws SafetensorsError when the file is malformed, EngineError ('statistics') when it is not a statistics file, or
 * belongs to another model
 */
export async function readStatistics(
  input: Uint8Array | ByteSource,
  model: Pick<ModelIdentity, 'is'>,
  intermediateSize: number,
): Promise<StatisticsFile> {
  const source = input instanceof Uint8Array ? memorySource('statistics.safetensors', input) : input;
  const file = await readSafetensors(source);
  const metadata = metadataSchema.safeParse(file.metadata);
  if (!metadata.success)
    throw new EngineError('statistics', `${source.name} is not a statistics file of this program.`);
  if (!(await model.is(metadata.data.model_hash))) {
    throw new EngineError('statistics', `${source.name} holds the statistics of another model.`, {
      kept: 'Nothing was changed.',
      next: 'Compute the statistics of this model from a text.',
    });
  }
  const layers = new Map<number, Float32Array>();
  for (const { name, shape } of file.tensors) {
    const layer = /^layer\.(\d+)\.second_moment$/.exec(name)?.[1];
    if (layer === undefined || shape.join() !== String(packedSize(intermediateSize))) {
      throw new EngineError('statistics', `${source.name}: the tensor “${name}” does not belong in a statistics file.`);
    }
    if (layers.has(Number(layer))) throw unusable(source, `it has layer ${Number(layer)} twice`);
    const packed = await readFloats(file, name);
    if (firstNotFinite(packed, 'F32') >= 0)
      throw unusable(source, `its layer ${layer} holds a number that is not finite`);
    const matrix = unpack(packed, intermediateSize);
    const negative = firstNegative(matrix, intermediateSize);
    if (negative >= 0) throw unusable(source, `its layer ${layer} has a negative square at position ${negative}`);
    layers.set(Number(layer), matrix);
  }
  return {
    modelHash: metadata.data.model_hash,
    textHash: metadata.data.text_hash,
    tokens: metadata.data.tokens,
    complete: metadata.data.complete === 'true',
    layers,
  };
}

function unusable({ name }: ByteSource, what: string): EngineError {
  return new EngineError('statistics', `“${name}” cannot be used: ${what}.`, {
    kept: 'Nothing was changed.',
    next: 'Compute the statistics anew.',
  });
}

/** Where the diagonal of a matrix [size, size] is negative, which a mean of squares is not; −1 where it is not. */
export function firstNegative(matrix: Float32Array, size: number): number {
  for (let i = 0; i < size; i += 1) if (matrix[i * size + i] < 0) return i;
  return -1;
}

function tensorName(layer: number): string {
  return `layer.${layer}.second_moment`;
}

function packedSize(size: number): number {
  return (size * (size + 1)) / 2;
}

function pack(matrix: Float32Array, size: number): Float32Array {
  const packed = new Float32Array(packedSize(size));
  for (let i = 0, at = 0; i < size; at += i + 1, i += 1) packed.set(matrix.subarray(i * size, i * size + i + 1), at);
  return packed;
}

function unpack(packed: Float32Array, size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0, at = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1, at += 1) {
      matrix[i * size + j] = packed[at];
      matrix[j * size + i] = packed[at];
    }
  }
  return matrix;
}
