/** The tensors of an edited model as they go into a safetensors file: edited values rounded, everything else as it was read. */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import {
  decodeFloats,
  DTYPE_BYTES,
  encodeFloats,
  firstNotFinite,
  isFloatDtype,
  type FloatDtype,
} from '../weights/dtype.ts';
import type { TensorToWrite } from '../weights/safetensors-writer.ts';
import { tensorBytes } from '../weights/safetensors.ts';
import type { IndexedTensor, TensorIndex } from '../weights/tensor-index.ts';
import type { ModelToExport } from './exporter.ts';

/** 'source' keeps each tensor's dtype and rounds the edited ones to it; 'F32' widens all float tensors, exactly. */
const EXPORT_DTYPES = ['source', 'F32'] as const;

export type ExportDtype = (typeof EXPORT_DTYPES)[number];

export const weightOptions = z.object({
  dtype: z.enum(EXPORT_DTYPES).default('source').meta({
    title: 'Number format',
    description:
      'source: as each tensor is stored, with edited values rounded to it; F32: 32 bits, so that no part of the edit is rounded away.',
  }),
});

/** Values converted at a time. */
const CHUNK_VALUES = 4 * 1024 * 1024;

export interface EditedTensor extends TensorToWrite {
  readonly bytes: (signal?: AbortSignal) => AsyncIterable<Uint8Array>;
}

/**
 * `entries` in their order, each with its edited values where there are some. Values are rounded to nearest, ties to even; tensors that
 * are not edited give their stored bytes, or, widened, the same values.
 */
export function editedTensors(
  entries: readonly IndexedTensor[],
  changed: ModelToExport['changed'],
  dtype: ExportDtype,
): EditedTensor[] {
  return entries.map((entry) => {
    const { name, shape, dtype: stored } = entry;
    const asStored = (signal?: AbortSignal): AsyncIterable<Uint8Array> => tensorBytes(entry.shard, entry, signal);
    if (!isFloatDtype(stored)) return { name, shape, dtype: stored, bytes: asStored };
    const target = dtype === 'F32' ? 'F32' : stored;
    const values = changed.get(name);
    if (values) return { name, shape, dtype: target, bytes: () => encodedBytes(values, target) };
    if (target === stored) return { name, shape, dtype: stored, bytes: asStored };
    return { name, shape, dtype: target, bytes: (signal) => widenedBytes(asStored(signal), stored) };
  });
}

/**
 * @throws EngineError ('export') when a changed tensor has another size than the file's, is no float tensor, or holds a value that is
 * not finite in its dtype; SafetensorsError when the files have no such tensor
 */
export function assertWritable(index: TensorIndex, changed: ModelToExport['changed'], dtype: ExportDtype): void {
  for (const [name, values] of changed) assertTensorWritable(index.entry(name), values, dtype);
}

function assertTensorWritable(entry: IndexedTensor, values: Float32Array, dtype: ExportDtype): void {
  const { name } = entry;
  if (!isFloatDtype(entry.dtype)) {
    throw new EngineError('export', `Tensor “${name}” is stored as ${entry.dtype} and cannot be written as edited.`);
  }
  const size = (entry.end - entry.start) / DTYPE_BYTES[entry.dtype];
  if (values.length !== size) {
    throw new EngineError('export', `Tensor “${name}” has ${size} values, and its edited copy ${values.length}.`);
  }
  const target: FloatDtype = dtype === 'F32' ? 'F32' : entry.dtype;
  const index = firstNotFinite(values, target);
  if (index === -1) return;
  const kept = 'The model and the history are as they were; nothing was written.';
  if (!Number.isFinite(values[index])) {
    throw new EngineError('export', `Tensor “${name}” holds ${values[index]} at position ${index} after the edits.`, {
      kept,
      next: 'Switch off the patch that was made last, and export again.',
    });
  }
  throw new EngineError('export', `Tensor “${name}”: the value ${values[index]} is too large for ${target}.`, {
    kept,
    next: 'Export with 32-bit numbers (F32).',
  });
}

/** The metadata of all shards; where two differ in a key, the first shard's counts. */
export function sharedMetadata({ shards }: TensorIndex): Readonly<Record<string, string>> {
  // By entries: a key may be "__proto__".
  return Object.fromEntries([...shards].reverse().flatMap(({ metadata }) => Object.entries(metadata)));
}

async function* encodedBytes(values: Float32Array, dtype: FloatDtype): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < values.length; start += CHUNK_VALUES) {
    yield encodeFloats(values.subarray(start, start + CHUNK_VALUES), dtype);
  }
}

async function* widenedBytes(stored: AsyncIterable<Uint8Array>, dtype: FloatDtype): AsyncGenerator<Uint8Array> {
  for await (const chunk of stored) {
    const values = new Float32Array(chunk.byteLength / DTYPE_BYTES[dtype]);
    decodeFloats(chunk, dtype, values);
    yield new Uint8Array(values.buffer);
  }
}
