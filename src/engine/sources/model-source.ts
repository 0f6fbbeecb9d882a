/**
 * Where a model's files come from: a folder in Hugging Face layout (config.json, tokenizer.json, model.safetensors …), wherever it
 * lies. What a missing file, a cut connection and a cancel look like is each source's business; what is read from it is not.
 */
import { DownloadError } from '../errors.ts';
import { decodeUtf8 } from '../text.ts';
import type { ByteSource } from '../weights/byte-source.ts';

export interface ByteProgress {
  readonly file: string;
  /** Bytes so far. */
  readonly loaded: number;
  /** Bytes in all; 0 while that is not known. */
  readonly total: number;
}

export interface ModelFile {
  /** As {@link ModelSource.open} takes it. */
  readonly path: string;
  /** Bytes; null where the source does not say. */
  readonly size: number | null;
  /** Of the file's bytes, 64 hex digits; null where the source does not say. */
  readonly sha256: string | null;
}

export interface ModelSource {
  /** Which one of its kind: an address, the path of a folder, a name. */
  readonly id: string;
  /** Which version of it; null where there are none. */
  readonly revision: string | null;
  /** What to call the model. */
  readonly name: string;
  /** Files that lie nowhere by themselves, but are made of the model's other form when they are opened; none when absent. */
  readonly made?: readonly string[];
  /** The files there are; null where the source cannot tell. @throws DownloadError, CancelledError */
  list(signal?: AbortSignal): Promise<readonly ModelFile[] | null>;
  /**
   * The file's bytes, once all of them can be read.
   * @param path below the model's folder, with `/` between its parts
   * @throws MissingFileError when there is no such file; DownloadError, CancelledError
   */
  open(path: string, onProgress?: (progress: ByteProgress) => void, signal?: AbortSignal): Promise<ByteSource>;
}

/** The source answered, and has no such file. */
export class MissingFileError extends DownloadError {}

/** The file as text. @throws MissingFileError when there is no such file; DownloadError also when it is not UTF-8; CancelledError */
export async function readText(source: ModelSource, path: string, signal?: AbortSignal): Promise<string> {
  const file = await source.open(path, undefined, signal);
  const bytes = await file.read(0, file.size, signal);
  return decodeUtf8(
    bytes,
    (cause) => new DownloadError(`“${path}” is not UTF-8 text.`, { next: 'Download the file again.', cause }),
  );
}

/** Like {@link readText}, but null when there is no such file. */
export async function optionalText(source: ModelSource, path: string, signal?: AbortSignal): Promise<string | null> {
  try {
    return await readText(source, path, signal);
  } catch (error) {
    if (error instanceof MissingFileError) return null;
    throw error;
  }
}

/** A name that cannot lead out of the folder on any system. */
export function isPlainFileName(name: unknown): name is string {
  return typeof name === 'string' && /^[^/\\:\p{Cc}]+$/u.test(name) && !/^\.+$/.test(name);
}
