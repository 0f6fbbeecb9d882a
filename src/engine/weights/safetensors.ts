/**
 * Reads safetensors files by ranges and trusts nothing in their header: every length, offset, shape and dtype is checked
 * against the file before a tensor is read. Format: an 8-byte little-endian header length, a JSON header, the data.
 */
import { z } from 'zod';
import { SafetensorsError, throwIfCancelled } from '../errors.ts';
import { decodeUtf8, parseJson } from '../text.ts';
import type { ByteSource } from './byte-source.ts';
import { decodeFloats, DTYPE_BYTES, isDtype, isFloatDtype, type Dtype } from './dtype.ts';
import { STAND_IN_BYTES, standInOf } from './stand-in.ts';

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Byte range in the file (not in the data area). */
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsFile {
  readonly source: ByteSource;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly tensors: readonly TensorEntry[];
  /** Offset of the data area in the file: 8 + header length. */
  readonly dataStart: number;
}

/** The limit of the format's own library. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes read at a time; a multiple of every element size. */
const CHUNK_BYTES = 16 * 1024 * 1024;

const AGAIN = { next: 'The file is damaged or incomplete; download it again.' };

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/**
 * Reads and checks the header.
 * @throws SafetensorsError naming the tensor at fault; DownloadError when the source cannot be read; CancelledError.
 */
export async function readSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsFile> {
  await refuseStandIns(source, signal);
  if (source.size < 8) {
    throw new SafetensorsError(
      `“${source.name}” has ${source.size} bytes; a safetensors file has at least 8.`,
      null,
      AGAIN,
    );
  }
  const prefix = await source.read(0, 8, signal);
  const headerBytes = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (headerBytes > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsError(
      `“${source.name}” is not a safetensors file: its header would have ${headerBytes} bytes.`,
    );
  }
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > source.size) {
    throw new SafetensorsError(
      `“${source.name}” ends inside its header: ${source.size} bytes, and the header alone needs ${dataStart}.`,
      null,
      AGAIN,
    );
  }
  const header = parseHeader(source.name, await source.read(8, dataStart, signal));
  const tensors = header.entries.map(([name, value]) => checkEntry(name, value, dataStart, source.size));
  // Stable: empty tensors keep the header's order among themselves.
  tensors.sort((a, b) => a.start - b.start || a.end - b.end);
  assertContiguous(tensors, dataStart, source.size);
  return { source, metadata: header.metadata, tensors, dataStart };
}

/** @throws SafetensorsError for what is often found in place of a file of weights, naming it as what it is. */
async function refuseStandIns(source: ByteSource, signal?: AbortSignal): Promise<void> {
  const standIn = standInOf(await source.read(0, Math.min(source.size, STAND_IN_BYTES), signal));
  if (standIn === null) return;
  const isPointer = standIn === 'pointer';
  const what = isPointer ? 'a Git LFS pointer, not the file it points to' : 'a web page, not a file of weights';
  throw new SafetensorsError(`“${source.name}” is ${what}.`, null, {
    next: isPointer
      ? 'Run “git lfs pull” in the folder, or download the file itself.'
      : 'Download the file itself: what was saved is the page of its address, or of an error.',
  });
}

/** The header's tensors in its own order, not yet checked, and its metadata. */
function parseHeader(
  fileName: string,
  bytes: Uint8Array,
): { entries: [string, unknown][]; metadata: Record<string, string> } {
  if (bytes[0] !== 0x7b) {
    throw new SafetensorsError(`“${fileName}” is not a safetensors file: its header does not begin with “{”.`);
  }
  const refused = (what: string, cause: unknown): SafetensorsError =>
    new SafetensorsError(`The header of “${fileName}” is not ${what}.`, null, { ...AGAIN, cause });
  const text = decodeUtf8(bytes, (cause) => refused('UTF-8 text', cause));
  const json = parseJson(text, (_, cause) => refused('valid JSON', cause));
  const fields = new Map(Object.entries(json as object));
  const entries: [string, unknown][] = [];
  for (const name of topLevelKeys(text)) {
    if (name !== '__metadata__') entries.push([name, fields.get(name)]);
  }
  return { entries, metadata: checkMetadata(fileName, fields.get('__metadata__')) };
}

/**
 * The keys of the outermost object of valid JSON, in the text's order (`JSON.parse` moves keys such as "0" to the front).
 * @throws SafetensorsError when any object has a key twice, of which `JSON.parse` would silently drop the first.
 */
function topLevelKeys(json: string): string[] {
  const outermost = new Set<string>();
  const open: Set<string>[] = [];
  let entry = '';
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (character === '{') open.push(open.length === 0 ? outermost : new Set());
    else if (character === '}') open.pop();
    if (character !== '"') continue;
    const end = endOfText(json, at);
    const isKey = json[endOfSpace(json, end)] === ':';
    if (isKey) {
      const key = JSON.parse(json.slice(at, end)) as string;
      const keys = open[open.length - 1];
      if (keys === outermost) entry = key;
      if (keys.has(key)) {
        const where = keys === outermost ? 'The header' : `The header's entry “${entry}”`;
        throw new SafetensorsError(`${where} names “${key}” twice.`, entry);
      }
      keys.add(key);
    }
    at = end - 1;
  }
  return [...outermost];
}

/** Where the text ends that begins at `start`, quotation marks included. Not by a pattern: headers have texts of megabytes, too long for one. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfSpace(json: string, start: number): number {
  let at = start;
  while (/\s/.test(json.charAt(at))) at += 1;
  return at;
}

function checkMetadata(fileName: string, value: unknown): Record<string, string> {
  // null is what some writers leave, and transformers loads.
  if (value === undefined || value === null) return {};
  const pairs: [string, string][] = [];
  // By hand, not by a record schema: a key may be anything, "__proto__" too.
  const refused = new SafetensorsError(`The metadata of “${fileName}” is not an object of texts.`);
  if (typeof value !== 'object' || Array.isArray(value)) throw refused;
  for (const [key, text] of Object.entries(value as Record<string, unknown>)) {
    if (typeof text !== 'string') throw refused;
    pairs.push([key, text]);
  }
  return Object.fromEntries(pairs);
}

function checkEntry(name: string, value: unknown, dataStart: number, fileSize: number): TensorEntry {
  const fail = (what: string): never => {
    throw new SafetensorsError(`Tensor “${name}”: ${what}`, name, AGAIN);
  };
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(`${issue.path.join('.') || 'its entry'} is not usable (${issue.message}).`);
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  if (!isDtype(dtype)) return fail(`the number format “${dtype}” is not known.`);
  const [start, end] = offsets;
  if (start > end) return fail(`its data ends (${end}) before it starts (${start}).`);
  if (end > fileSize - dataStart) {
    return fail(`its data ends at ${end}, and the file has only ${fileSize - dataStart} bytes of data.`);
  }
  const bytes = byteSize(dtype, shape);
  if (bytes !== end - start) {
    const needs = bytes === null ? 'more bytes than can be counted' : `${bytes} bytes`;
    return fail(`[${shape.join(', ')}] of ${dtype} needs ${needs}, and the file gives it ${end - start}.`);
  }
  return { name, dtype, shape, start: dataStart + start, end: dataStart + end };
}

/** Bytes of a tensor, or null when that is not a safe integer. */
function byteSize(dtype: Dtype, shape: readonly number[]): number | null {
  let bytes: number = DTYPE_BYTES[dtype];
  for (const dim of shape) {
    bytes *= dim;
    if (!Number.isSafeInteger(bytes)) return null;
  }
  return bytes;
}

/** The tensors, sorted by start, must cover the data area exactly: what is outside them could hide anything. */
function assertContiguous(tensors: readonly TensorEntry[], dataStart: number, fileSize: number): void {
  let position = dataStart;
  let before = '';
  for (const { name, start, end } of tensors) {
    if (start < position) throw new SafetensorsError(`Tensor “${name}” overlaps “${before}”.`, name, AGAIN);
    if (start > position) {
      const where = before === '' ? 'before it' : `between it and “${before}”`;
      throw new SafetensorsError(
        `Tensor “${name}”: ${start - position} bytes ${where} belong to no tensor.`,
        name,
        AGAIN,
      );
    }
    position = end;
    before = name;
  }
  if (position < fileSize) {
    throw new SafetensorsError(`The last ${fileSize - position} bytes of the file belong to no tensor.`, null, AGAIN);
  }
}

/** The tensor's bytes as they are in the file, in chunks of whole elements. @throws DownloadError, CancelledError */
export async function* tensorBytes(
  file: SafetensorsFile,
  entry: TensorEntry,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let start = entry.start; start < entry.end; start += CHUNK_BYTES) {
    throwIfCancelled(signal);
    yield await file.source.read(start, Math.min(start + CHUNK_BYTES, entry.end), signal);
  }
}

/**
 * The tensor's values as float32, row-major; read in chunks, so that the peak is the result and one chunk.
 * @throws SafetensorsError when its dtype is not F32, F16 or BF16; DownloadError, CancelledError
 */
export async function tensorFloats(
  file: SafetensorsFile,
  entry: TensorEntry,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { dtype, name } = entry;
  if (!isFloatDtype(dtype)) {
    throw new SafetensorsError(
      `Tensor “${name}” is stored as ${dtype}; weights are read from F32, F16 and BF16.`,
      name,
      {
        next: 'Use a version of the model in one of these formats.',
      },
    );
  }
  const bytesEach = DTYPE_BYTES[dtype];
  const values = new Float32Array((entry.end - entry.start) / bytesEach);
  let offset = 0;
  for await (const chunk of tensorBytes(file, entry, signal)) {
    decodeFloats(chunk, dtype, values, offset);
    offset += chunk.byteLength / bytesEach;
  }
  return values;
}

/** The bytes of the tensor called `name`, in one piece. @throws SafetensorsError when there is none, or of another dtype or length */
export async function readBytes(
  file: SafetensorsFile,
  { name, dtype, shape }: Pick<TensorEntry, 'name' | 'dtype' | 'shape'>,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const entry = file.tensors.find((tensor) => tensor.name === name);
  if (entry?.dtype !== dtype || entry.shape.join() !== shape.join()) {
    const wanted = `${dtype} [${shape.join(', ')}]`;
    throw new SafetensorsError(`“${file.source.name}” has no tensor “${name}” of ${wanted}.`, name, AGAIN);
  }
  return file.source.read(entry.start, entry.end, signal);
}

/** {@link tensorFloats} of the tensor called `name`. @throws SafetensorsError also when the file has none */
export async function readFloats(file: SafetensorsFile, name: string, signal?: AbortSignal): Promise<Float32Array> {
  const entry = file.tensors.find((tensor) => tensor.name === name);
  if (!entry) throw new SafetensorsError(`“${file.source.name}” has no tensor called “${name}”.`, name);
  return tensorFloats(file, entry, signal);
}
