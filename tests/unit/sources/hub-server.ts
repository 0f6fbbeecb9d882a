/**
 * A server that behaves like the Hugging Face hub as far as this program asks it: revisions, listings in pages, redirects of large
 * files to another host, parts of files, ETags, gated models; and everything that goes wrong on the way, on demand.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface ServedModel {
  readonly commit: string;
  /** By path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Branches and tags beside “main”, each at the commit. */
  readonly revisions?: readonly string[];
  /** Who may read it; everyone where absent. */
  readonly token?: string;
}

/** What happens to one request for a file's bytes. */
export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** So many bytes, then the connection ends as if a cable were pulled. */
  | { kind: 'cut'; after: number }
  /** So many bytes, then nothing. */
  | { kind: 'stall'; after: number }
  /** So many bytes, as if that were all of the file. */
  | { kind: 'short'; bytes: number }
  | { kind: 'long' }
  /** The right number of wrong bytes. */
  | { kind: 'corrupt' }
  | { kind: 'web page' }
  | { kind: 'pointer' }
  /** Compressed, whatever was asked for. */
  | { kind: 'gzip' }
  /** The whole file, whatever part was asked for. */
  | { kind: 'no ranges' }
  /** A part that begins elsewhere. */
  | { kind: 'other range' }
  /** A few bytes at a time. */
  | { kind: 'slow'; chunk: number; milliseconds: number };

export interface SeenRequest {
  readonly path: string;
  readonly range: string | null;
  readonly token: string | null;
}

export interface HubServer {
  readonly address: string;
  readonly requests: SeenRequest[];
  models: Record<string, ServedModel>;
  /** Of each file (or, for `revision` and `tree`, of listings) what goes wrong with the next requests, in turn. */
  faults: Partial<Record<string, Fault[]>>;
  close(): Promise<void>;
}

/** Files of this many bytes and more are large ones: listed with their SHA-256, and redirected. */
const LARGE_BYTES = 4096;

const PAGE_SIZE = 5;

const sha = (kind: 'sha1' | 'sha256', ...parts: (string | Uint8Array)[]): string => {
  const hash = createHash(kind);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

export const gitOid = (bytes: Uint8Array): string => sha('sha1', `blob ${bytes.length}\0`, bytes);

/** The name a file has among the blobs of a cache. */
export const etagOf = (bytes: Uint8Array): string =>
  bytes.length >= LARGE_BYTES ? sha('sha256', bytes) : gitOid(bytes);

function entryOf(path: string, bytes: Uint8Array): object {
  if (bytes.length < LARGE_BYTES) return { type: 'file', oid: gitOid(bytes), size: bytes.length, path };
  const lfs = { oid: sha('sha256', bytes), size: bytes.length, pointerSize: 134 };
  return { type: 'file', oid: sha('sha1', path), size: bytes.length, lfs, xetHash: sha('sha256', path), path };
}

/** @param options `port`: to be found again after a restart */
export async function startHub(
  models: Record<string, ServedModel>,
  options: { port?: number } = {},
): Promise<HubServer> {
  const hub: HubServer = { address: '', requests: [], models, faults: {}, close: () => Promise.resolve() };
  const server = createServer((request, response) => {
    serve(hub, request, response);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(hub, { address: `http://127.0.0.1:${port}`, close });
}

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, range',
  'access-control-expose-headers':
    'X-Repo-Commit,X-Error-Code,X-Error-Message,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag',
};

function serve(hub: HubServer, request: IncomingMessage, response: ServerResponse): void {
  for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
  if (request.method === 'OPTIONS') {
    response.writeHead(204).end();
    return;
  }
  const url = new URL(request.url ?? '/', hub.address);
  const token = request.headers.authorization?.replace('Bearer ', '') ?? null;
  const range = request.headers.range ?? null;
  hub.requests.push({ path: url.pathname + url.search, range, token });
  const api = /^\/api\/models\/(.+?)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
  const file = /^(\/cdn)?\/((?:[^/]+\/)?[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
  if (api) {
    serveListing(hub, response, url, { id: api[1], what: api[2], revision: decodeURIComponent(api[3]) });
  } else if (file) {
    const [, cdn, id, commit, path] = file;
    serveFile(hub, response, { isCdn: cdn === '/cdn', id, commit, path: decodeURIComponent(path), token, range });
  } else {
    refuse(response, 404, 'RepoNotFound');
  }
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code, 'content-type': 'text/plain' }).end(code);
}

/** Sends the fault where it replaces the whole answer, and says whether it did. */
function sendFault(response: ServerResponse, fault: Fault | undefined): boolean {
  if (fault?.kind === 'status') {
    response.writeHead(fault.status, fault.headers).end('no');
  } else if (fault?.kind === 'web page') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>');
  } else {
    return false;
  }
  return true;
}

function serveListing(
  hub: HubServer,
  response: ServerResponse,
  url: URL,
  { id, what, revision }: { id: string; what: string; revision: string },
): void {
  if (sendFault(response, hub.faults[what]?.shift())) return;
  const model = (hub.models as Partial<HubServer['models']>)[id];
  if (!model) {
    // The hub does not tell strangers whether a model exists.
    refuse(response, 401, 'RepoNotFound');
    return;
  }
  if (![model.commit, 'main', ...(model.revisions ?? [])].includes(revision)) {
    refuse(response, 404, 'RevisionNotFound');
    return;
  }
  response.setHeader('content-type', 'application/json');
  if (what === 'revision') {
    const siblings = Object.keys(model.files).map((rfilename) => ({ rfilename }));
    response.end(JSON.stringify({ id, sha: model.commit, private: false, siblings }));
    return;
  }
  const folders = [{ type: 'directory', oid: sha('sha1', 'onnx'), size: 0, path: 'onnx' }];
  const entries = [...folders, ...Object.entries(model.files).map(([path, bytes]) => entryOf(path, bytes))];
  const start = Number(url.searchParams.get('cursor') ?? 0);
  if (start + PAGE_SIZE < entries.length) {
    url.searchParams.set('cursor', String(start + PAGE_SIZE));
    response.setHeader('link', `<${url.href}>; rel="next"`);
  }
  response.end(JSON.stringify(entries.slice(start, start + PAGE_SIZE)));
}

interface FileRequest {
  readonly isCdn: boolean;
  readonly id: string;
  readonly commit: string;
  readonly path: string;
  readonly token: string | null;
  readonly range: string | null;
}

function serveFile(hub: HubServer, response: ServerResponse, request: FileRequest): void {
  const { isCdn, id, commit, path, token, range } = request;
  const model = (hub.models as Partial<HubServer['models']>)[id];
  const bytes = (model?.files as Partial<Record<string, Uint8Array>> | undefined)?.[path];
  if (!isCdn && model?.token !== undefined && token !== model.token) {
    refuse(response, token === null ? 401 : 403, 'GatedRepo');
    return;
  }
  if (!model || !bytes || ![model.commit, 'main'].includes(commit)) {
    refuse(response, 404, 'EntryNotFound');
    return;
  }
  response.setHeader('x-repo-commit', model.commit);
  response.setHeader('accept-ranges', 'bytes');
  if (!isCdn && bytes.length >= LARGE_BYTES) {
    response.setHeader('x-linked-size', bytes.length);
    response.setHeader('x-linked-etag', `"${etagOf(bytes)}"`);
    // Another name of this machine is another origin.
    const { port } = new URL(hub.address);
    response.writeHead(302, { location: `http://localhost:${port}/cdn/${id}/resolve/${commit}/${path}` }).end();
    return;
  }
  response.setHeader('etag', `"${etagOf(bytes)}"`);
  sendFile(response, bytes, range, hub.faults[path]?.shift());
}

function sendFile(response: ServerResponse, bytes: Uint8Array, range: string | null, fault?: Fault): void {
  if (sendFault(response, fault)) return;
  let content = bytes;
  if (fault?.kind === 'short') content = bytes.subarray(0, fault.bytes);
  if (fault?.kind === 'long') content = Buffer.concat([bytes, Buffer.from('more')]);
  if (fault?.kind === 'corrupt') content = bytes.map((byte, i) => (i % 1000 === 7 ? byte ^ 1 : byte));
  if (fault?.kind === 'pointer') {
    content = Buffer.from(
      `version https://git-lfs.github.com/spec/v1\noid sha256:${sha('sha256', bytes)}\nsize ${bytes.length}\n`,
    );
  }
  const start = fault?.kind === 'no ranges' ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (start > 0 && start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  const given = fault?.kind === 'other range' ? start + 1 : start;
  let body = content.subarray(given);
  if (fault?.kind === 'gzip') {
    body = gzipSync(body);
    response.setHeader('content-encoding', 'gzip');
  }
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader('content-length', body.length);
  if (start > 0) response.setHeader('content-range', `bytes ${given}-${content.length - 1}/${content.length}`);
  response.writeHead(start > 0 ? 206 : 200);
  if (fault?.kind === 'cut') {
    response.write(body.subarray(0, fault.after), () => setTimeout(() => response.destroy(), 20));
  } else if (fault?.kind === 'stall') {
    response.write(body.subarray(0, fault.after));
  } else if (fault?.kind === 'slow') {
    trickle(response, body, fault.chunk, fault.milliseconds);
  } else {
    response.end(body);
  }
}

function trickle(response: ServerResponse, body: Uint8Array, chunk: number, milliseconds: number): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(sent, sent + chunk));
    sent += chunk;
    if (sent < body.length && !response.destroyed) return;
    clearInterval(timer);
    response.end();
  }, milliseconds);
}
