/** A model's folder on a web server that knows nothing of models: addresses of files, and no list of them. */
import { CancelledError, DownloadError, throwIfCancelled } from '../errors.ts';
import { blobFromChunks, blobSource } from '../weights/byte-source.ts';
import { MissingFileError, type ByteProgress, type ModelSource } from './model-source.ts';

/** Statuses that mean "there is no such file here"; object stores answer 403 for a missing one. */
const MISSING_STATUSES = [403, 404, 410];

/** Bytes between two progress reports: a report crosses a thread, a network chunk may be a few kilobytes. */
const PROGRESS_STEP_BYTES = 256 * 1024;

/**
 * The files below `baseUrl`, downloaded whole as streams. A web page in place of a file counts as a missing file, because
 * development servers and single-page hosts answer index.html with status 200 for everything they do not have.
 */
export function httpFolder(baseUrl: string, fetchFile: typeof fetch = fetch): ModelSource {
  const root = baseUrl.replace(/[?#].*$/, '').replace(/\/+$/, '');

  async function request(path: string, signal?: AbortSignal): Promise<Response> {
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
    if (MISSING_STATUSES.includes(response.status) || (response.ok && isPage)) {
      throw new MissingFileError(`“${path}” was not found at ${root}.`, {
        next: 'Check the address of the model; it needs the file in Hugging Face layout.',
      });
    }
    throw new DownloadError(`“${path}” could not be downloaded: ${root} answered with status ${response.status}.`, {
      next: 'Try again in a moment.',
    });
  }

  return {
    id: root,
    revision: null,
    name: decodeName(root.slice(root.lastIndexOf('/') + 1)),
    list: async () => null,
    open: async (path, onProgress, signal) => {
      const response = await request(path, signal);
      return blobSource(path, await blobFromChunks(receive(path, response, onProgress, signal), signal));
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

function decodeName(segment: string): string {
  try {
    return decodeURIComponent(segment) || 'model';
  } catch {
    return segment;
  }
}
