/**
 * A GGUF file's tensors as the safetensors file that they would be: other names, dequantised, in another order where the two formats
 * differ. Nothing of it is stored; what is asked for is made from the GGUF file's bytes.
 */
import { decodeFloats, DTYPE_BYTES, encodeFloats } from '../dtype.ts';
import { assertRange, type ByteSource } from '../byte-source.ts';
import { safetensorsHeader } from '../safetensors-writer.ts';
import type { GgufFile, GgufTensor } from './gguf-file.ts';

/** How the values of a tensor lie in the view, where that is not as in the file. */
export interface Arrangement {
  /** The tensor is a matrix, and lies transposed. */
  readonly transposed?: true;
  /** Row `row` of the view is row `rowOf(row)` of the file; a vector's values are its rows. */
  readonly rowOf?: (row: number) => number;
  /** Added to every value. */
  readonly plus?: number;
}

export interface ViewedTensor {
  /** In the view. */
  readonly name: string;
  readonly tensor: GgufTensor;
  /** Absent: as in the file. */
  readonly arrangement?: Arrangement;
}

/** A tensor at its place in the view. */
interface PlacedTensor extends ViewedTensor {
  readonly start: number;
  readonly end: number;
}

/** Values of an arranged tensor, whole: its parts are not asked for in the order in which they are made. */
interface Arranged {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The view of `tensors`, in their order: quantised ones as F32, the others as they are stored. `stored` is the GGUF file.
 * @param name of the file that the view is
 * @throws SafetensorsError when two tensors have one name; while reading, DownloadError, CancelledError
 */
export function safetensorsView(name: string, file: GgufFile, tensors: readonly ViewedTensor[]): ByteSource {
  const header = safetensorsHeader(
    tensors.map(({ name: tensor, tensor: { type, shape }, arrangement }) => ({
      name: tensor,
      dtype: type.dtype,
      shape: arrangement?.transposed ? [...shape].reverse() : shape,
    })),
    // Without it transformers refuses the file that an export makes of it.
    { format: 'pt' },
  );
  let size = header.byteLength;
  const placed = tensors.map((viewed): PlacedTensor => {
    const start = size;
    size += bytesOf(viewed.tensor);
    return { ...viewed, start, end: size };
  });
  let arranged: Arranged | null = null;

  /** Bytes [start, end) of the tensor's own. */
  async function read(viewed: PlacedTensor, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { arrangement, tensor } = viewed;
    if (!arrangement) return readPlain(file.source, tensor, start, end, signal);
    if (arranged?.name !== viewed.name) {
      const whole = await readPlain(file.source, tensor, 0, bytesOf(tensor), signal);
      arranged = { name: viewed.name, bytes: arrange(whole, tensor, arrangement) };
    }
    const part = arranged.bytes.subarray(start, end);
    // Tensors are read from their start to their end: after that nobody asks again.
    if (end === bytesOf(tensor)) arranged = null;
    return part;
  }

  return {
    name,
    size,
    stored: file.source,
    read: async (start, end, signal) => {
      assertRange(name, size, start, end);
      const bytes = new Uint8Array(end - start);
      if (start < header.byteLength) bytes.set(header.subarray(start, end));
      for (const viewed of placed) {
        const from = Math.max(start, viewed.start);
        const to = Math.min(end, viewed.end);
        if (from < to) {
          bytes.set(await read(viewed, from - viewed.start, to - viewed.start, signal), from - start);
        }
      }
      return bytes;
    },
  };
}

/** Bytes of the tensor in the view. */
function bytesOf({ type, shape }: GgufTensor): number {
  return shape.reduce((product, dimension) => product * dimension, DTYPE_BYTES[type.dtype]);
}

/** Bytes [start, end) of the tensor's values in its dtype, in the order of the file. */
async function readPlain(
  source: ByteSource,
  tensor: GgufTensor,
  start: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { type } = tensor;
  if (!type.dequantize) return source.read(tensor.start + start, tensor.start + end, signal);
  const valuesBytes = type.blockSize * DTYPE_BYTES.F32;
  const firstBlock = Math.floor(start / valuesBytes);
  const lastBlock = Math.ceil(end / valuesBytes);
  const blocks = await source.read(
    tensor.start + firstBlock * type.blockBytes,
    tensor.start + lastBlock * type.blockBytes,
    signal,
  );
  const values = new Float32Array((lastBlock - firstBlock) * type.blockSize);
  type.dequantize(blocks, values);
  return new Uint8Array(values.buffer, start - firstBlock * valuesBytes, end - start);
}

/** `whole`, the tensor's values in the order of the file, as the view has them. */
function arrange(whole: Uint8Array, { type, shape }: GgufTensor, { transposed, rowOf, plus }: Arrangement): Uint8Array {
  let bytes = whole;
  if (plus !== undefined) {
    const values = new Float32Array(whole.byteLength / DTYPE_BYTES[type.dtype]);
    decodeFloats(whole, type.dtype, values);
    for (let i = 0; i < values.length; i += 1) values[i] += plus;
    bytes = encodeFloats(values, type.dtype);
  }
  const rows = shape[0];
  const rowBytes = bytes.byteLength / rows;
  if (rowOf) {
    const ordered = new Uint8Array(bytes.byteLength);
    for (let row = 0; row < rows; row += 1) {
      const from = rowOf(row) * rowBytes;
      ordered.set(bytes.subarray(from, from + rowBytes), row * rowBytes);
    }
    bytes = ordered;
  }
  return transposed ? transpose(bytes, DTYPE_BYTES[type.dtype], rows, shape[1]) : bytes;
}

/** A matrix of elements of `size` bytes, transposed. */
function transpose(bytes: Uint8Array, size: number, rows: number, columns: number): Uint8Array {
  const target = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const from = (row * columns + column) * size;
      const to = (column * rows + row) * size;
      for (let i = 0; i < size; i += 1) target[to + i] = bytes[from + i];
    }
  }
  return target;
}
