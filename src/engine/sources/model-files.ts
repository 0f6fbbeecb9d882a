/**
 * A model's folder in Hugging Face layout (config.json, tokenizer.json, model.safetensors …), over HTTP or from files the
 * user picked. What differs between a missing file, a cut connection and a cancel is sorted out here, once.
 */
import { CancelledError, DownloadError, EngineError, throwIfCancelled } from '../errors.ts';
import { blobFromChunks, blobSource, type ByteSource } from '../weights/byte-source.ts';

export interface ByteProgress {
  file: string;
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all; 0 when the server does not say. */
  total: number;
}

export interface ModelFiles {
  /** What to call the model: the folder's name. */
  readonly name: string;
  /** The file's bytes, once all of them are at hand. @throws DownloadError, CancelledError */
  open(path: string, onProgress?: (progress: ByteProgress) => void, signal?: AbortSignal): Promise<ByteSource>;
  /** The file as UTF-8 text. @throws DownloadError, CancelledError */
  readText(path: string, signal?: AbortSignal): Promise<string>;
  /** Like {@link readText}, but null when there is no such file. */
  optionalText(path: string, signal?: AbortSignal): Promise<string | null>;
}

/** Statuses that mean "there is no such file here"; object stores answer 403 for a missing one. */
const MISSING_STATUSES = [403, 404, 410];

/** Bytes between two progress reports: a report crosses a thread, a network chunk may be a few kilobytes. */
const PROGRESS_STEP_BYTES = 256 * 1024;

/**
 * The files below `baseUrl`, downloaded whole as streams. A web page in place of a file counts as a missing file, because
 * development servers and single-page hosts answer index.html with status 200 for everything they do not have.
 */
export function httpFiles(baseUrl: string, fetchFile: typeof fetch = fetch): ModelFiles {
  const root = baseUrl.replace(/[?#].*$/, '').replace(/\/+$/, '');

  /** The response for `path`, or null when the server has no such file. */
  async function request(path: string, signal?: AbortSignal): Promise<Response | null> {
    throwIfCancelled(signal);
    let response: Response;
    try {
      response = await fetchFile(`${root}/${path.split('/').map(encodeURIComponent).join('/')}`, { signal });
    } catch (cause) {
      if (signal?.aborted) throw new CancelledError();
      throw new DownloadError(`“${path}” could not be downloaded: no answer from ${root}.`, {
        next: 'Check the connection and try again.',
        cause,
      });
    }
    const isPage = /^text\/html\b/i.test(response.headers.get('content-type') ?? '') && !/\.html?$/i.test(path);
    if (response.ok && !isPage) return response;
    await response.body?.cancel().catch(() => undefined);
    if (MISSING_STATUSES.includes(response.status) || (response.ok && isPage)) return null;
    throw new DownloadError(`“${path}” could not be downloaded: ${root} answered with status ${response.status}.`, {
      next: 'Try again in a moment.',
    });
  }

  async function requireFile(path: string, signal?: AbortSignal): Promise<Response> {
    const response = await request(path, signal);
    if (response) return response;
    throw new DownloadError(`“${path}” was not found at ${root}.`, {
      next: 'Check the address of the model; it needs the file in Hugging Face layout.',
    });
  }

  async function text(path: string, response: Response, signal?: AbortSignal): Promise<string> {
    const blob = await blobFromChunks(receive(path, response, undefined, signal), signal);
    return decodeText(path, await blob.arrayBuffer());
  }

  return {
    name: decodeName(root.slice(root.lastIndexOf('/') + 1)),
    open: async (path, onProgress, signal) => {
      const response = await requireFile(path, signal);
      return blobSource(path, await blobFromChunks(receive(path, response, onProgress, signal), signal));
    },
    readText: async (path, signal) => text(path, await requireFile(path, signal), signal),
    optionalText: async (path, signal) => {
      const response = await request(path, signal);
      return response && text(path, response, signal);
    },
  };
}

/** The body's chunks; throws DownloadError when it ends before the length the server announced. */
async function* receive(
  path: string,
  response: Response,
  onProgress?: (progress: ByteProgress) => void,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  // A compressed body's content-length counts compressed bytes, and the stream gives decoded ones.
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  const announced = encoding === 'identity' ? Number(response.headers.get('content-length') ?? 0) : 0;
  const total = Number.isSafeInteger(announced) && announced > 0 ? announced : 0;
  let loaded = 0;
  let reported = 0;
  const report = (): void => {
    reported = loaded;
    // More than announced: the body was compressed by a host that does not let scripts see it.
    onProgress?.({ file: path, loaded, total: loaded > total ? 0 : total });
  };
  const reader = response.body?.getReader();
  try {
    report();
    while (reader) {
      const { done, value } = await reader.read();
      throwIfCancelled(signal);
      if (done) break;
      loaded += value.byteLength;
      yield value;
      if (loaded - reported >= PROGRESS_STEP_BYTES) report();
    }
  } catch (cause) {
    if (signal?.aborted || cause instanceof CancelledError) throw new CancelledError();
    throw cutConnection(path, loaded, total, cause);
  } finally {
    // Also when the consumer stops early: an unread body would hold its connection.
    await reader?.cancel().catch(() => undefined);
  }
  if (loaded < total) throw cutConnection(path, loaded, total);
  onProgress?.({ file: path, loaded, total: loaded });
}

function cutConnection(path: string, loaded: number, total: number, cause?: unknown): DownloadError {
  const of = total > 0 ? ` of ${total}` : '';
  return new DownloadError(`The connection was cut while downloading “${path}”, after ${loaded}${of} bytes.`, {
    next: 'Check the connection and try again.',
    cause,
  });
}

/**
 * Files the user picked, found by file name. Names may be paths (a picked folder): of several files with one name the one
 * nearest the top counts, as repositories keep copies of config.json in folders for other programs.
 * Asking for a file that lies twice at the same depth throws EngineError ('input').
 */
export function localFiles(name: string, files: readonly { name: string; blob: Blob }[]): ModelFiles {
  function find(path: string): Blob | null {
    const candidates = files.filter((file) => fileName(file.name) === path);
    const top = Math.min(...candidates.map((file) => depth(file.name)));
    const nearest = candidates.filter((file) => depth(file.name) === top);
    if (nearest.length > 1) {
      throw new EngineError('input', `Two of the files are called “${path}”.`, {
        next: 'Pick the files of one model.',
      });
    }
    return nearest.length === 1 ? nearest[0].blob : null;
  }

  function requireFile(path: string): Blob {
    const blob = find(path);
    if (blob) return blob;
    const picked = files.map((file) => fileName(file.name)).join(', ') || 'none';
    throw new DownloadError(`“${path}” is not among the files (${picked}).`, {
      next: 'Pick all files of the model together.',
    });
  }

  async function text(path: string, signal?: AbortSignal): Promise<string> {
    const source = blobSource(path, requireFile(path));
    return decodeText(path, await source.read(0, source.size, signal));
  }

  return {
    name,
    open: async (path, onProgress, signal) => {
      throwIfCancelled(signal);
      const blob = requireFile(path);
      onProgress?.({ file: path, loaded: blob.size, total: blob.size });
      return blobSource(path, blob);
    },
    readText: text,
    optionalText: async (path, signal) => (find(path) ? text(path, signal) : null),
  };
}

/** The bytes as UTF-8 text. @throws DownloadError when they are not. */
export function decodeText(path: string, bytes: ArrayBuffer | Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DownloadError(`“${path}” is not UTF-8 text.`, { next: 'Download the file again.', cause });
  }
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function depth(path: string): number {
  return path.split('/').length;
}

function decodeName(segment: string): string {
  try {
    return decodeURIComponent(segment) || 'model';
  } catch {
    return segment;
  }
}
