/**
 * Writes safetensors files as a stream: the header is made from the list of tensors, their bytes are asked for one tensor at
 * a time when it is their turn, so that a model of any size passes through a few megabytes of memory.
 */
import { SafetensorsError, throwIfCancelled } from '../errors.ts';
import { blobFromChunks } from './byte-source.ts';
import { DTYPE_BYTES, type Dtype } from './dtype.ts';

/** What a header says of a tensor, but its place. */
export interface TensorForm {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
}

export interface TensorToWrite extends TensorForm {
  /** Asked for once per stream; gives exactly shape × element size bytes. */
  bytes: (signal?: AbortSignal) => AsyncIterable<Uint8Array> | Uint8Array;
}

/** A file that is made while it is read. */
export interface FileParts {
  /** Bytes in all. */
  readonly size: number;
  /** The file from its first byte on; may be asked for again. */
  stream(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * A safetensors file with the tensors in the order given. The header is padded with spaces to a multiple of 8 bytes, so
 * that the data is aligned; without metadata there is no `__metadata__`. (Format: huggingface/safetensors, README.)
 * @throws SafetensorsError when two tensors share a name or one uses the reserved name; while streaming, when a tensor's
 * bytes do not fit its shape.
 */
export function safetensorsParts(
  entries: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): FileParts {
  const header = safetensorsHeader(entries, metadata);
  const sizes = entries.map(dataBytes);

  async function* stream(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    yield header;
    for (const [index, entry] of entries.entries()) {
      const bytes = entry.bytes(signal);
      let written = 0;
      for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
        throwIfCancelled(signal);
        written += chunk.byteLength;
        if (written > sizes[index]) throw misfit(entry, `more than ${sizes[index]}`, sizes[index]);
        yield chunk;
      }
      if (written < sizes[index]) throw misfit(entry, `only ${written}`, sizes[index]);
    }
  }
  return { size: sizes.reduce((total, size) => total + size, header.byteLength), stream };
}

/**
 * What such a file begins with: length prefix and header, for data that lies in the order of `entries` without gaps.
 * @throws SafetensorsError when two tensors share a name or one uses the reserved name
 */
export function safetensorsHeader(
  entries: readonly TensorForm[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const names = new Set(['__metadata__']);
  let offset = 0;
  for (const entry of entries) {
    const { name, dtype, shape } = entry;
    if (names.has(name)) throw new SafetensorsError(`Tensor “${name}” cannot be written: the name is taken.`, name);
    names.add(name);
    const offsets = [offset, offset + dataBytes(entry)];
    // Written field by field: an object would move names such as "0" to the front.
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`);
    [, offset] = offsets;
  }
  return encodeHeader(`{${fields.join(',')}}`);
}

function dataBytes({ dtype, shape }: TensorForm): number {
  return shape.reduce((product, dim) => product * dim, DTYPE_BYTES[dtype]);
}

function misfit({ name, shape }: TensorToWrite, given: string, needed: number): SafetensorsError {
  const message = `Tensor “${name}” gave ${given} bytes; its shape [${shape.join(', ')}] needs ${needed}.`;
  return new SafetensorsError(message, name);
}

/** Length prefix and header, padded with spaces to a multiple of 8. */
function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.byteLength / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, 8);
  return header;
}

/** The file as a Blob for a download; never whole in the script's memory. @throws CancelledError */
export function toBlob(parts: FileParts, signal?: AbortSignal): Promise<Blob> {
  return blobFromChunks(parts.stream(signal), signal);
}

/** The file in memory. @throws CancelledError */
export async function collect(parts: FileParts, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = new Uint8Array(parts.size);
  let offset = 0;
  for await (const chunk of parts.stream(signal)) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
