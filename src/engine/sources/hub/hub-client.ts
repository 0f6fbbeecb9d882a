/**
 * The few routes of a hub's HTTP interface that are needed: which commit a revision is, its files, and their bytes from a place on.
 * (https://huggingface.co/docs/hub/api)
 */
import { z } from 'zod';
import { DownloadError, EngineError, throwIfCancelled } from '../../errors.ts';
import { parseJson } from '../../text.ts';
import { answerError, NoAnswerError, PassingError } from './hub-errors.ts';
import type { HubName } from './hub-name.ts';
import type { HubFile, HubListing } from './listing.ts';
import { Patience, timer, type Wait } from './patience.ts';

/** Which hub, and as whom. */
export interface HubAccess {
  /** Address of the hub. */
  readonly endpoint: string;
  /** Access token, for gated and private models. */
  readonly token: string | null;
}

export interface HubClientOptions extends HubAccess {
  readonly fetch?: typeof fetch;
  readonly wait?: Wait;
}

const revisionSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });

const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().int().nonnegative(),
    oid: z.string(),
    lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().nonnegative() }).nullish(),
  }),
);

/** More pages than any model has: a hub that links them in a circle must not keep us for ever. */
const MAX_PAGES = 100;

/** Text of an answer that is at all looked at. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;

export class HubClient {
  readonly endpoint: string;
  readonly wait: Wait;
  readonly #token: string | null;
  readonly #fetch: typeof fetch;

  /** @throws EngineError ('input') when the endpoint is no address */
  constructor({ endpoint, token, fetch: fetchFile = fetch, wait = timer }: HubClientOptions) {
    this.endpoint = endpointOf(endpoint);
    this.#token = token === null || token.trim() === '' ? null : token.trim();
    // Called as a function of its own: a browser's fetch refuses any other `this`.
    this.#fetch = (...args) => fetchFile(...args);
    this.wait = wait;
  }

  /**
   * The files of a model. A hub that does not answer at all is not asked again: the caller may have a copy.
   * @throws NoAnswerError, HubAccessError, DownloadError, CancelledError
   */
  async list({ id, revision }: HubName, signal?: AbortSignal): Promise<HubListing> {
    const { sha: commit } = await this.#json(
      `/api/models/${id}/revision/${encodeURIComponent(revision)}`,
      revisionSchema,
      { id, revision },
      signal,
    ).then(({ value }) => value);
    const files: HubFile[] = [];
    let next: string | null = `/api/models/${id}/tree/${commit}?recursive=true`;
    for (let page = 0; next !== null && page < MAX_PAGES; page += 1) {
      const { value, link } = await this.#json(next, treeSchema, { id, revision }, signal);
      for (const { type, path, size, oid, lfs } of value) {
        if (type !== 'file') continue;
        files.push({ path, oid, size: lfs?.size ?? size, sha256: lfs?.oid ?? null });
      }
      next = this.#nextPage(link);
    }
    return { id, revision, commit, files };
  }

  /**
   * The answer with a file's bytes from `start` on: status 206, or 200 with the whole file from a hub that gives no parts of it, or
   * 416 where there is no byte `start`.
   * @throws PassingError, MissingFileError, HubAccessError, DownloadError, CancelledError
   */
  async read(
    { id, commit, revision }: HubListing,
    path: string,
    start: number,
    signal?: AbortSignal,
  ): Promise<Response> {
    const address = `/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
    // A part of a compressed file would be of no use; browsers leave this header out and say so nowhere.
    const headers = { 'accept-encoding': 'identity', ...(start > 0 && { range: `bytes=${start}-` }) };
    const response = await this.#request(address, headers, signal);
    if (response.ok || response.status === 416) return response;
    await drop(response);
    throw answerError(response, { ...this.#asked({ id, revision }), path });
  }

  async #json<T>(
    address: string,
    schema: z.ZodType<T>,
    name: HubName,
    signal?: AbortSignal,
  ): Promise<{ value: T; link: string | null }> {
    const patience = new Patience(this.wait);
    for (;;) {
      try {
        const response = await this.#request(address, { accept: 'application/json' }, signal);
        if (!response.ok) {
          await drop(response);
          throw answerError(response, { ...this.#asked(name), path: null });
        }
        return { value: await this.#parse(response, schema, name), link: response.headers.get('link') };
      } catch (error) {
        if (error instanceof NoAnswerError) throw error;
        await patience.after(error, signal);
      }
    }
  }

  async #parse<T>(response: Response, schema: z.ZodType<T>, { id }: HubName): Promise<T> {
    const strange = (cause?: unknown): DownloadError =>
      new DownloadError(`${this.endpoint} did not answer as a hub does when asked for “${id}”.`, {
        next: 'Check the address of the hub, and whether a login page stands between it and you.',
        cause,
      });
    if (isWebPage(response) || Number(response.headers.get('content-length') ?? 0) > MAX_LIST_BYTES) {
      await drop(response);
      throw strange();
    }
    const text = await response.text().catch((cause: unknown) => {
      throw new PassingError(`The connection to ${this.endpoint} was cut.`, null, { cause });
    });
    const parsed = schema.safeParse(parseJson(text, (_, cause) => strange(cause)));
    if (!parsed.success) throw strange(parsed.error);
    return parsed.data;
  }

  async #request(address: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    throwIfCancelled(signal);
    try {
      return await this.#fetch(`${this.endpoint}${address}`, {
        headers: this.#token === null ? headers : { ...headers, authorization: `Bearer ${this.#token}` },
        // What is asked for by commit never changes, and the files are kept by us: a second copy would only take room.
        cache: 'no-store',
        // A public mirror needs no cookies, and a wildcard for origins forbids them.
        credentials: 'omit',
        signal,
      });
    } catch (cause) {
      throwIfCancelled(signal);
      throw new NoAnswerError(`${this.endpoint} does not answer.`, null, { cause });
    }
  }

  #asked({ id, revision }: HubName) {
    return { endpoint: this.endpoint, id, revision, hasToken: this.#token !== null };
  }

  /** The rest of the address of the page that a Link header calls the next one, if it is on this hub. */
  #nextPage(link: string | null): string | null {
    const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(link ?? '')?.[1];
    if (target === undefined || !URL.canParse(target, `${this.endpoint}/`)) return null;
    const { href } = new URL(target, `${this.endpoint}/`);
    if (href.startsWith(`${this.endpoint}/`)) return href.slice(this.endpoint.length);
    // Behind a proxy a hub may name itself by another address.
    const { pathname, search } = new URL(href);
    return `${pathname}${search}`;
  }
}

/** Whether an answer is a page for people: a login, an error, a host that knows no such file. */
export function isWebPage({ headers }: Response): boolean {
  return /^text\/html\b/i.test(headers.get('content-type') ?? '');
}

/** Lets go of an answer's connection. */
export async function drop(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

function endpointOf(address: string): string {
  const text = address.trim().replace(/\/+$/, '');
  const isAddress = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (isAddress && !/[?#]/.test(text)) return text;
  throw new EngineError('input', `“${address}” is not the address of a hub.`, {
    next: 'Write it as https://huggingface.co.',
  });
}
