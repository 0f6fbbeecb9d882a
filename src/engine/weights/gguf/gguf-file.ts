/**
 * Reads the header of a GGUF file (versions 2 and 3, little-endian): metadata, and the tensors with their places, which are checked
 * against the file. Format: ggml-org/ggml, docs/gguf.md.
 */
import { ModelError } from '../../errors.ts';
import type { ByteSource } from '../byte-source.ts';
import { HeaderEnds, HeaderReader, type GgufValue } from './header-reader.ts';
import { GGUF_TYPE_NAMES, ggufType, ggufTypeName, type GgufType } from './types.ts';

export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** Outermost dimension first, as elsewhere here; the file has the innermost first. */
  readonly shape: readonly number[];
  /** Byte range in the file. */
  readonly start: number;
  readonly end: number;
}

export interface GgufFile {
  readonly source: ByteSource;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** In the header's order. */
  readonly tensors: readonly GgufTensor[];
}

/** “GGUF” */
const MAGIC = [0x47, 0x47, 0x55, 0x46];

/** Read at first; a header with a vocabulary has a few megabytes. */
const FIRST_BYTES = 4 * 1024 * 1024;
/** More than any vocabulary takes. */
const MAX_HEADER_BYTES = 512 * 1024 * 1024;

/** Data starts at a multiple of it, where the metadata names no other. */
const DEFAULT_ALIGNMENT = 32;

const MAX_DIMENSIONS = 4;

/** What is read before the end of the header is known. */
interface Header {
  readonly metadata: Map<string, GgufValue>;
  readonly tensors: { name: string; type: number; shape: number[]; offset: number }[];
  readonly bytes: number;
}

/**
 * @throws ModelError naming what is not readable: the version, the byte order, a value, the number format of a tensor, a tensor that lies
 * outside the file; DownloadError when the source cannot be read; CancelledError
 */
export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<GgufFile> {
  const start = await source.read(0, Math.min(MAGIC.length, source.size), signal);
  if (!MAGIC.every((byte, i) => start[i] === byte)) {
    throw new ModelError(`“${source.name}” is not a GGUF file: it does not begin with “GGUF”.`, {
      next: 'Choose a file whose name ends in .gguf, and download it again if it is one.',
    });
  }
  for (let length = Math.min(FIRST_BYTES, source.size); ; length = Math.min(2 * length, source.size)) {
    const reader = new HeaderReader(source.name, await source.read(0, length, signal));
    try {
      const header = readHeader(reader);
      return { source, metadata: header.metadata, tensors: placeTensors(header, source, reader) };
    } catch (error) {
      if (!(error instanceof HeaderEnds)) throw error;
      if (length === source.size) throw reader.fault(`it ends inside its header, after ${source.size} bytes`);
      if (length >= MAX_HEADER_BYTES) throw reader.fault(`its header has more than ${MAX_HEADER_BYTES} bytes`);
    }
  }
}

function readHeader(reader: HeaderReader): Header {
  reader.view(MAGIC.length);
  checkVersion(reader, reader.uint32());
  const tensorCount = reader.size('the number of tensors');
  const metadataCount = reader.size('the number of metadata values');
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < metadataCount; i += 1) {
    const key = reader.text();
    if (metadata.has(key)) throw reader.fault(`it has “${key}” twice`);
    metadata.set(key, reader.value(key));
  }
  const tensors: Header['tensors'] = [];
  for (let i = 0; i < tensorCount; i += 1) {
    const name = reader.text();
    const dimensions = reader.uint32();
    if (dimensions > MAX_DIMENSIONS) throw reader.fault(`tensor “${name}” has ${dimensions} dimensions`);
    const shape = Array.from({ length: dimensions }, () => reader.size(`a dimension of tensor “${name}”`)).reverse();
    const type = reader.uint32();
    tensors.push({ name, type, shape, offset: reader.size(`the offset of tensor “${name}”`) });
  }
  return { metadata, tensors, bytes: reader.position };
}

function checkVersion(reader: HeaderReader, version: number): void {
  if (version === 2 || version === 3) return;
  // A version's number is small, so that the bytes in the wrong order make a large one.
  if ((version & 0xffff) === 0) {
    throw reader.fault('it is big-endian', { next: 'Use the little-endian version, which almost all files are.' });
  }
  throw reader.fault(`it is of version ${version}; versions 2 and 3 are read`, {
    next: 'Convert the model anew with a current version of llama.cpp.',
  });
}

function placeTensors(header: Header, source: ByteSource, reader: HeaderReader): GgufTensor[] {
  const alignment = header.metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1) {
    throw reader.fault('general.alignment is not a size');
  }
  const dataStart = Math.ceil(header.bytes / alignment) * alignment;
  const names = new Set<string>();
  return header.tensors.map(({ name, type: typeId, shape, offset }) => {
    if (names.has(name)) throw reader.fault(`it has two tensors called “${name}”`);
    names.add(name);
    const type = ggufType(typeId);
    if (!type) {
      throw new ModelError(
        `“${source.name}”: tensor “${name}” is stored as ${ggufTypeName(typeId)}, which is not read.`,
        { next: `Use a version of the model in ${GGUF_TYPE_NAMES.join(', ')}.` },
      );
    }
    const columns = shape.at(-1) ?? 1;
    if (columns % type.blockSize !== 0) {
      throw reader.fault(
        `tensor “${name}” has rows of ${columns} values; ${type.name} has blocks of ${type.blockSize}`,
      );
    }
    const values = shape.reduce((product, dimension) => product * dimension, 1);
    const start = dataStart + offset;
    const end = start + (values / type.blockSize) * type.blockBytes;
    if (!Number.isSafeInteger(end) || end > source.size) {
      throw reader.fault(`tensor “${name}” ends at byte ${end}, and the file has ${source.size}`);
    }
    return { name, type, shape, start, end };
  });
}
