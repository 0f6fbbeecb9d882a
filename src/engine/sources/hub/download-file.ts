/** Downloads one file from a hub: goes on where an earlier try ended, and checks what has come against the hub's listing. */
import { CancelledError, DownloadError, throwIfCancelled, type EngineError } from '../../errors.ts';
import { standInOf } from '../../weights/stand-in.ts';
import { MissingFileError } from '../model-source.ts';
import { fileDigest, type FileDigest } from './file-digest.ts';
import type { FilePart, FileStore } from './file-store.ts';
import { drop, isWebPage, type HubClient } from './hub-client.ts';
import { PassingError } from './hub-errors.ts';
import type { HubFile, HubListing } from './listing.ts';
import { Patience, timer } from './patience.ts';

export interface FileProgress {
  readonly stage: 'Checking' | 'Downloading';
  /** Bytes of the file so far: checked, or on the disk. */
  readonly loaded: number;
}

export interface FileDownloadOptions {
  readonly onProgress?: (progress: FileProgress) => void;
  /** Before a pause: why, and how many seconds. */
  readonly onWait?: (reason: string, seconds: number) => void;
  readonly signal?: AbortSignal;
  /** After so many seconds without a byte the connection is given up and made anew. */
  readonly stallSeconds?: number;
}

const STALL_SECONDS = 30;

/** Time between two progress reports: a report crosses a thread, and chunks of a fast connection come by the hundred. */
const PROGRESS_MILLISECONDS = 150;

/** Of kept bytes that are read to be checked. */
const CHECK_BYTES = 8 * 1024 * 1024;

/**
 * Downloads `file` into the store, where it is then whole and checked.
 * @throws DownloadError saying what of the file is kept; HubAccessError; EngineError ('storage'); CancelledError: then the bytes so far
 * are kept, too
 */
export async function downloadFile(
  client: HubClient,
  listing: HubListing,
  file: HubFile,
  store: FileStore,
  options: FileDownloadOptions = {},
): Promise<void> {
  const part = await store.part(file);
  try {
    await new FileDownload(client, listing, file, part, options).run();
    await part.finish();
  } finally {
    await part.close();
  }
}

class FileDownload {
  readonly #client: HubClient;
  readonly #listing: HubListing;
  readonly #file: HubFile;
  readonly #part: FilePart;
  readonly #options: FileDownloadOptions;
  readonly #patience: Patience;
  /** The most bytes that were there: a download that begins anew has not got on before it is past this. */
  #most = 0;

  constructor(client: HubClient, listing: HubListing, file: HubFile, part: FilePart, options: FileDownloadOptions) {
    this.#client = client;
    this.#listing = listing;
    this.#file = file;
    this.#part = part;
    this.#options = options;
    this.#patience = new Patience(client.wait, options.onWait);
  }

  async run(): Promise<void> {
    const digest = await fileDigest(this.#file);
    await this.#checkKept(digest);
    // Bytes that are wrong may have been so on the disk or come so once; twice is the hub's doing.
    for (const last of [false, true]) {
      await this.#fetchRest(digest);
      if (digest.matches()) return;
      await this.#restart(digest);
      if (last) {
        throw new DownloadError(
          `“${this.#file.path}” came with other bytes than ${this.#client.endpoint} lists (its SHA checksum differs), twice.`,
          { kept: 'Nothing of this file was kept.', next: 'Try again later, or take another hub.' },
        );
      }
    }
  }

  /** Feeds the digest what an earlier try has left. */
  async #checkKept(digest: FileDigest): Promise<void> {
    const part = this.#part;
    if (part.size > this.#file.size) await part.clear();
    for (let start = 0; start < part.size; start += CHECK_BYTES) {
      // A browser's files are read without a pause: messages, a cancel among them, need their turn.
      await timer(0, this.#options.signal);
      const end = Math.min(start + CHECK_BYTES, part.size);
      digest.update(await part.read(start, end));
      this.#options.onProgress?.({ stage: 'Checking', loaded: end });
    }
    this.#most = part.size;
  }

  async #fetchRest(digest: FileDigest): Promise<void> {
    const { signal } = this.#options;
    while (this.#part.size < this.#file.size) {
      try {
        await this.#fetchOnce(digest);
      } catch (error) {
        try {
          await this.#patience.after(error, signal);
        } catch (final) {
          throw this.#withKept(final);
        }
      }
    }
  }

  /** Asks once for what is missing. @throws PassingError when not all of it came */
  async #fetchOnce(digest: FileDigest): Promise<void> {
    const watch = new StallWatch(this.#options.stallSeconds ?? STALL_SECONDS, this.#options.signal);
    const start = this.#part.size;
    try {
      const response = await this.#client.read(this.#listing, this.#file.path, start, watch.signal);
      await this.#assertUsable(response, start, digest);
      await this.#receive(response, digest, watch);
    } catch (error) {
      if (this.#options.signal?.aborted) throw new CancelledError();
      if (watch.stalled) throw new PassingError(`No more bytes of “${this.#file.path}” came.`, null, { cause: error });
      throw error;
    } finally {
      watch.end();
    }
    const { size } = this.#part;
    if (size < this.#file.size) throw this.#cut();
  }

  /** Looks at an answer's head; afterwards its body goes on where the kept bytes end. */
  async #assertUsable(response: Response, start: number, digest: FileDigest): Promise<void> {
    const { path, size } = this.#file;
    const { endpoint } = this.#client;
    const refuse = async (error: EngineError): Promise<never> => {
      await drop(response);
      throw error;
    };
    if (response.status === 416) {
      await this.#restart(digest);
      const all = numberIn(response, /^bytes \*\/(\d+)$/);
      if (all !== null && all !== size) await refuse(this.#wrongLength(all));
      await refuse(new PassingError(`${endpoint} has fewer bytes of “${path}” than it lists (${size}).`));
    }
    if (isWebPage(response) && !/\.html?$/i.test(path)) {
      await refuse(
        new DownloadError(`${endpoint} sent a web page in place of “${path}”.`, {
          next: 'A login page of the network or a wrong address of the hub does this: open the hub in a tab and look.',
        }),
      );
    }
    const encoded = (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
    if (response.status !== 206) {
      // The whole file, from a hub that gives no parts.
      if (start > 0) await this.#restart(digest);
      const announced = Number(response.headers.get('content-length') ?? NaN);
      if (!encoded && announced > size) await refuse(this.#wrongLength(announced));
      return;
    }
    const all = numberIn(response, /\/(\d+)$/);
    if (all !== null && all !== size) await refuse(this.#wrongLength(all));
    // Compressed, a part begins somewhere else in the file than was asked for.
    const from = numberIn(response, /^bytes (\d+)-/);
    if (encoded || (from !== null && from !== start)) {
      await this.#restart(digest);
      await refuse(new PassingError(`${endpoint} sent another part of “${path}” than it was asked for.`));
    }
  }

  async #receive(response: Response, digest: FileDigest, watch: StallWatch): Promise<void> {
    const { size } = this.#file;
    const part = this.#part;
    const reader = response.body?.getReader();
    let reported = part.size;
    let reportedAt = 0;
    const report = (): void => {
      reported = part.size;
      reportedAt = performance.now();
      this.#options.onProgress?.({ stage: 'Downloading', loaded: part.size });
    };
    try {
      report();
      while (reader) {
        const { done, value } = await reader.read().catch((cause: unknown) => {
          throw this.#cut(cause);
        });
        throwIfCancelled(this.#options.signal);
        if (done) break;
        watch.alive();
        if (part.size === 0) this.#assertNoPointer(value);
        if (part.size + value.byteLength > size) {
          const came = part.size + value.byteLength;
          await part.clear();
          throw this.#wrongLength(came, 'at least ');
        }
        await part.append(value);
        digest.update(value);
        if (part.size > this.#most) {
          this.#most = part.size;
          this.#patience.renew();
        }
        if (performance.now() - reportedAt >= PROGRESS_MILLISECONDS) report();
      }
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
    if (part.size !== reported) report();
  }

  /** A mirror that knows no large files gives out what git keeps in their place. */
  #assertNoPointer(first: Uint8Array): void {
    if (standInOf(first) !== 'pointer') return;
    throw new DownloadError(
      `${this.#client.endpoint} sent a Git LFS pointer in place of “${this.#file.path}”: the file itself is not there.`,
      { next: 'The copy of the model on this hub is not whole; take another hub.' },
    );
  }

  async #restart(digest: FileDigest): Promise<void> {
    await this.#part.clear();
    digest.restart();
  }

  #cut(cause?: unknown): PassingError {
    const { path, size } = this.#file;
    return new PassingError(
      `The connection was cut while downloading “${path}”, after ${inWords(this.#part.size)} of ${inWords(size)} bytes.`,
      null,
      { cause },
    );
  }

  #wrongLength(bytes: number, least = ''): DownloadError {
    const { path, size } = this.#file;
    return new DownloadError(
      `${this.#client.endpoint} sends ${least}${inWords(bytes)} bytes of “${path}”, and lists it with ${inWords(size)}.`,
      { next: 'The model may have changed meanwhile: open it again. Else take another hub.' },
    );
  }

  /** The failure, with what of the file is kept. */
  #withKept(error: unknown): unknown {
    if (!(error instanceof DownloadError) || error instanceof MissingFileError || error.kept !== '') return error;
    const kept =
      this.#part.size === 0
        ? 'The files that were there before are kept.'
        : `${inWords(this.#part.size)} of ${inWords(this.#file.size)} bytes of “${this.#file.path}” are kept; the download goes on from there.`;
    return new DownloadError(error.message, { kept, next: error.next, cause: error });
  }
}

/** "1,234,567". */
function inWords(count: number): string {
  return count.toLocaleString('en-US');
}

/** The number that the head of a partial answer has at a place; null where a browser does not show it. */
function numberIn({ headers }: Response, place: RegExp): number | null {
  const text = place.exec(headers.get('content-range') ?? '')?.[1];
  return text === undefined ? null : Number(text);
}

/** Aborts a request over which nothing has come for a while, and when the download is cancelled. */
class StallWatch {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #milliseconds: number;
  readonly #cancel = (): void => this.#controller.abort();
  #timeout: ReturnType<typeof setTimeout> | undefined;
  stalled = false;

  constructor(seconds: number, outer: AbortSignal | undefined) {
    this.#milliseconds = 1000 * seconds;
    this.#outer = outer;
    outer?.addEventListener('abort', this.#cancel);
    if (outer?.aborted) this.#cancel();
    this.alive();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  alive(): void {
    clearTimeout(this.#timeout);
    this.#timeout = setTimeout(() => {
      this.stalled = true;
      this.#controller.abort();
    }, this.#milliseconds);
  }

  end(): void {
    clearTimeout(this.#timeout);
    this.#outer?.removeEventListener('abort', this.#cancel);
  }
}
