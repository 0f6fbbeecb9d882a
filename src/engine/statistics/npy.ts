/** NumPy's array files (.npy, format 1 to 3), read as a stream: their header, then their numbers. */
import { EngineError } from '../errors.ts';

export interface NpyHeader {
  readonly dtype: 'f4' | 'f8' | 'i4' | 'i8';
  readonly shape: readonly number[];
}

export interface NpyStream {
  readonly header: NpyHeader;
  /** The numbers in the order of the file, some at a time. @throws EngineError ('statistics') when there are more or fewer than the shape says */
  values(): AsyncGenerator<Float32Array | Float64Array>;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Of format 1, and of 2 and 3: magic, version, length of the header's text. */
const PREFIX_SIZES = [10, 12];
const LONGEST_HEADER = 2 ** 16;
const ITEM_BYTES = { f4: 4, f8: 8, i4: 4, i8: 8 } as const;

/**
 * @param chunks the file's bytes
 * @param name of the file, for messages
 * @throws EngineError ('statistics') when it is no such file, or holds numbers of another kind
 */
export async function readNpy(chunks: AsyncIterator<Uint8Array, undefined>, name: string): Promise<NpyStream> {
  const fail = (what: string): EngineError =>
    new EngineError('statistics', `${name} ${what}.`, {
      kept: 'Nothing was changed.',
      next: 'Download the file again.',
    });
  let bytes: Uint8Array = new Uint8Array(0);
  const fill = async (wanted: number): Promise<void> => {
    while (bytes.byteLength < wanted) {
      const next = await chunks.next();
      if (next.done) throw fail('is cut short');
      bytes = joined(bytes, next.value);
    }
  };
  await fill(PREFIX_SIZES[0]);
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) throw fail('is no NumPy array');
  const prefix = bytes[6] === 1 ? PREFIX_SIZES[0] : PREFIX_SIZES[1];
  await fill(prefix);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LONGEST_HEADER) throw fail('has a damaged header');
  await fill(prefix + length);
  const text = new TextDecoder().decode(bytes.subarray(prefix, prefix + length));
  const header = parseHeader(text);
  if (!header) throw fail(`holds numbers of a kind that is not read (${text.trim()})`);
  bytes = bytes.subarray(prefix + length);
  const count = header.shape.reduce((product, size) => product * size, 1);
  return {
    header,
    async *values() {
      const width = ITEM_BYTES[header.dtype];
      let left = count;
      for (;;) {
        const whole = Math.floor(bytes.byteLength / width);
        if (whole > left) throw fail('holds more numbers than its shape says');
        if (whole > 0) yield numbersOf(header.dtype, bytes.slice(0, whole * width));
        left -= whole;
        bytes = bytes.subarray(whole * width);
        const next = await chunks.next();
        if (next.done) break;
        bytes = joined(bytes, next.value);
      }
      if (left > 0 || bytes.byteLength > 0) throw fail('is cut short');
    },
  };
}

/** Of the Python dictionary that the header is; null for numbers of another kind, or another byte order. */
function parseHeader(text: string): NpyHeader | null {
  const descr = /'descr'\s*:\s*'<([fi][48])'/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (descr === undefined || shape === undefined) return null;
  const sizes = shape
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '');
  return { dtype: descr as NpyHeader['dtype'], shape: sizes.map(Number) };
}

/** @param bytes of whole numbers, at the beginning of their buffer */
function numbersOf(dtype: NpyHeader['dtype'], { buffer }: Uint8Array<ArrayBuffer>): Float32Array | Float64Array {
  switch (dtype) {
    case 'f4':
      return new Float32Array(buffer);
    case 'f8':
      return new Float64Array(buffer);
    case 'i4':
      return Float64Array.from(new Int32Array(buffer));
    case 'i8':
      return Float64Array.from(new BigInt64Array(buffer), Number);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.byteLength === 0) return second;
  const both = new Uint8Array(first.byteLength + second.byteLength);
  both.set(first);
  both.set(second, first.byteLength);
  return both;
}
