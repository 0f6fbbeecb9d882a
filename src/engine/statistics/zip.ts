/** ZIP archives, read by ranges: the directory at the end, then one entry at a time, stored or deflated (APPNOTE 6.3). */
import { Inflate } from 'fflate';
import { createCRC32 } from 'hash-wasm';
import { EngineError, throwIfCancelled } from '../errors.ts';
import type { ByteSource } from '../weights/byte-source.ts';

export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Of its local header, in the archive. */
  readonly offset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
/** Of the comment after the end record. */
const LONGEST_COMMENT = 0xffff;
const DIRECTORY_SIGNATURE = 0x02014b50;
const DIRECTORY_ENTRY_SIZE = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_SIZE = 30;
/** A directory of more is no directory of a few arrays. */
const LARGEST_DIRECTORY = 2 ** 20;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
/** In the place of a size or offset of 4 GiB or more, which stands elsewhere. */
const TOO_LARGE = 0xffffffff;
const BYTES_PER_READ = 2 ** 20;

/**
 * The entries of an archive.
 * @throws EngineError ('statistics') when it is none, is damaged, or larger than 4 GB; DownloadError, CancelledError
 */
export async function readZip(source: ByteSource, signal?: AbortSignal): Promise<ZipEntry[]> {
  const tailStart = Math.max(0, source.size - END_SIZE - LONGEST_COMMENT);
  const tail = viewOf(await source.read(tailStart, source.size, signal));
  let end = tail.byteLength - END_SIZE;
  while (end >= 0 && tail.getUint32(end, true) !== END_SIGNATURE) end -= 1;
  if (end < 0) throw damaged(source, 'it is no ZIP archive, or its end is missing');
  const count = tail.getUint16(end + 10, true);
  const [size, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (size === TOO_LARGE || start === TOO_LARGE) throw damaged(source, 'archives of more than 4 GB are not read');
  if (size > LARGEST_DIRECTORY || start + size > source.size) throw damaged(source, 'its directory is damaged');
  const directory = await source.read(start, start + size, signal);
  const view = viewOf(directory);
  const entries: ZipEntry[] = [];
  for (let at = 0, i = 0; i < count; i += 1) {
    if (at + DIRECTORY_ENTRY_SIZE > size || view.getUint32(at, true) !== DIRECTORY_SIGNATURE) {
      throw damaged(source, 'its directory is damaged');
    }
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const nameLength = view.getUint16(at + 28, true);
    const nameStart = at + DIRECTORY_ENTRY_SIZE;
    const name = new TextDecoder().decode(directory.subarray(nameStart, nameStart + nameLength));
    const entry = {
      name,
      deflated: method === DEFLATED,
      crc32: view.getUint32(at + 16, true),
      compressedSize: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    if ((flags & ENCRYPTED) !== 0) throw damaged(source, `“${name}” is encrypted`);
    if (method !== STORED && method !== DEFLATED)
      throw damaged(source, `“${name}” is packed in a way that is not read`);
    if ([entry.compressedSize, entry.size, entry.offset].includes(TOO_LARGE)) {
      throw damaged(source, 'archives of more than 4 GB are not read');
    }
    entries.push(entry);
    at = nameStart + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/**
 * The bytes of an entry, piece by piece; the last piece comes after the checksum was found right.
 * @throws EngineError ('statistics') when they are damaged; DownloadError, CancelledError
 */
export async function* readEntry(
  source: ByteSource,
  { name, deflated, crc32, compressedSize, size, offset }: ZipEntry,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, undefined> {
  const fail = (): EngineError => damaged(source, `“${name}” is damaged`);
  if (offset + LOCAL_SIZE > source.size) throw fail();
  const local = viewOf(await source.read(offset, offset + LOCAL_SIZE, signal));
  if (local.getUint32(0, true) !== LOCAL_SIGNATURE) throw fail();
  const start = offset + LOCAL_SIZE + local.getUint16(26, true) + local.getUint16(28, true);
  const end = start + compressedSize;
  if (end > source.size || (!deflated && compressedSize !== size)) throw fail();
  const checksum = (await createCRC32()).init();
  let unpacked: Uint8Array[] = [];
  const inflate = new Inflate((chunk) => {
    unpacked.push(chunk);
  });
  let total = 0;
  for (let at = start; at < end; at += BYTES_PER_READ) {
    throwIfCancelled(signal);
    const to = Math.min(end, at + BYTES_PER_READ);
    const bytes = await source.read(at, to, signal);
    unpacked = deflated ? [] : [bytes];
    if (deflated) {
      try {
        // The source's memory may not be written to, and the inflater keeps what it is given.
        inflate.push(bytes.slice(), to === end);
      } catch {
        throw fail();
      }
    }
    for (const chunk of unpacked) {
      total += chunk.byteLength;
      if (total > size) throw fail();
      checksum.update(chunk);
    }
    if (to === end && (total !== size || Number.parseInt(checksum.digest('hex'), 16) !== crc32)) throw fail();
    yield* unpacked;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged({ name }: ByteSource, what: string): EngineError {
  return new EngineError('statistics', `“${name}” cannot be read: ${what}.`, {
    kept: 'Nothing was changed.',
    next: 'Download the file again.',
  });
}
