/** The edited model as a safetensors file that other programs load in place of the source's. */
import { EngineError } from '../errors.ts';
import {
  decodeFloats,
  DTYPE_BYTES,
  encodeFloats,
  firstNotFinite,
  isFloatDtype,
  type FloatDtype,
} from '../weights/dtype.ts';
import { safetensorsParts, type FileParts, type TensorToWrite } from '../weights/safetensors-writer.ts';
import { tensorBytes, tensorEntry, type SafetensorsFile, type TensorEntry } from '../weights/safetensors.ts';

export interface ModelExport {
  /** The file the model was loaded from. */
  file: SafetensorsFile;
  /** The edited tensors' values by name, each in its tensor's stored orientation. */
  changed: ReadonlyMap<string, Float32Array>;
  /** 'full': every tensor of the source; 'changed': only those in `changed`. */
  scope: 'full' | 'changed';
  /** 'source' keeps each tensor's dtype and rounds the edited ones to it; 'F32' widens all float tensors, exactly. */
  dtype: 'source' | 'F32';
}

/** Values converted at a time. */
const CHUNK_VALUES = 4 * 1024 * 1024;

/**
 * The file to download. Names, order and metadata are the source's; with 'full' and 'source' its header too, and every
 * tensor that was not changed, byte for byte. Values are rounded to nearest, ties to even.
 * @throws EngineError ('export') before anything is written, when there is nothing to write, or a changed tensor has another
 * size than the file's or holds a value that is not finite in its dtype; SafetensorsError when the file has no such tensor.
 */
export function exportModel({ file, changed, scope, dtype }: ModelExport): FileParts {
  if (scope === 'changed' && changed.size === 0) {
    throw new EngineError('export', 'There is nothing to export: no tensor is changed.', {
      next: 'Switch a patch on, or export the full model.',
    });
  }
  for (const [name, values] of changed) assertWritable(tensorEntry(file, name), values, dtype);
  const entries = scope === 'full' ? file.tensors : file.tensors.filter(({ name }) => changed.has(name));
  const exported = entries.map((entry) => exportedTensor(file, entry, changed.get(entry.name), dtype));
  if (scope === 'changed' || dtype === 'F32') return safetensorsParts(exported, file.metadata);
  // The same tensors at the same places: the source's own header describes them, down to its spelling.
  return {
    size: file.source.size,
    stream: async function* (signal) {
      yield await file.source.read(0, file.dataStart, signal);
      for (const { bytes } of exported) yield* bytes(signal);
    },
  };
}

function assertWritable(entry: TensorEntry, values: Float32Array, dtype: 'source' | 'F32'): void {
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

interface ExportedTensor extends TensorToWrite {
  bytes: (signal?: AbortSignal) => AsyncIterable<Uint8Array>;
}

function exportedTensor(
  file: SafetensorsFile,
  entry: TensorEntry,
  values: Float32Array | undefined,
  dtype: 'source' | 'F32',
): ExportedTensor {
  const { name, shape, dtype: stored } = entry;
  const asStored = (signal?: AbortSignal): AsyncIterable<Uint8Array> => tensorBytes(file, entry, signal);
  if (!isFloatDtype(stored)) return { name, shape, dtype: stored, bytes: asStored };
  const target = dtype === 'F32' ? 'F32' : stored;
  if (values) return { name, shape, dtype: target, bytes: () => encodedBytes(values, target) };
  if (target === stored) return { name, shape, dtype: stored, bytes: asStored };
  return { name, shape, dtype: target, bytes: (signal) => widenedBytes(file, entry, stored, signal) };
}

async function* encodedBytes(values: Float32Array, dtype: FloatDtype): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < values.length; start += CHUNK_VALUES) {
    yield encodeFloats(values.subarray(start, start + CHUNK_VALUES), dtype);
  }
}

async function* widenedBytes(
  file: SafetensorsFile,
  entry: TensorEntry,
  dtype: FloatDtype,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of tensorBytes(file, entry, signal)) {
    const values = new Float32Array(chunk.byteLength / DTYPE_BYTES[dtype]);
    decodeFloats(chunk, dtype, values);
    yield new Uint8Array(values.buffer);
  }
}
