import { createServer, type RequestListener, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancelledError, DownloadError } from '../../../src/engine/errors.ts';
import { httpFolder } from '../../../src/engine/sources/http-folder.ts';
import {
  MissingFileError,
  optionalText,
  readText,
  type ByteProgress,
} from '../../../src/engine/sources/model-source.ts';
import { failure, holdsPayload, payload } from './support.ts';

describe('httpFolder', () => {
  let server: Server;
  let base = '';
  let respond: RequestListener = () => undefined;
  let hangUps = 0;

  beforeAll(async () => {
    server = createServer((request, response) => {
      response.setHeader('connection', 'close');
      response.on('close', () => (hangUps += response.writableFinished ? 0 : 1));
      respond(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The test server has no port.');
    base = `http://127.0.0.1:${address.port}/models/tiny%20gpt2/`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('downloads a file and counts its bytes', async () => {
    const paths: (string | undefined)[] = [];
    respond = (request, response) => {
      paths.push(request.url);
      response.setHeader('content-length', payload.length);
      response.end(payload);
    };
    const seen: ByteProgress[] = [];
    const files = httpFolder(base);
    const source = await files.open('sub/model #1.safetensors', (progress) => seen.push(progress));
    expect(files.name).toBe('tiny gpt2');
    expect([files.id, files.revision, await files.list()]).toEqual([base.replace(/\/$/, ''), null, null]);
    expect(paths).toEqual(['/models/tiny%20gpt2/sub/model%20%231.safetensors']);
    expect(await holdsPayload(source)).toBe(true);
    expect(await source.read(1000, 1010)).toEqual(payload.subarray(1000, 1010));
    expect(seen[0]).toEqual({ file: 'sub/model #1.safetensors', loaded: 0, total: payload.length });
    expect(seen.at(-1)).toEqual({ file: 'sub/model #1.safetensors', loaded: payload.length, total: payload.length });
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.every((progress, i) => i === 0 || progress.loaded >= seen[i - 1].loaded)).toBe(true);
  });

  it('downloads without a content-length, with total 0 until the end', async () => {
    respond = (_, response) => {
      response.write(payload.subarray(0, 700_000));
      response.end(payload.subarray(700_000));
    };
    const seen: ByteProgress[] = [];
    const source = await httpFolder(base).open('w', (progress) => seen.push(progress));
    expect(await holdsPayload(source)).toBe(true);
    expect(new Set(seen.slice(0, -1).map(({ total }) => total))).toEqual(new Set([0]));
    expect(seen.at(-1)).toEqual({ file: 'w', loaded: payload.length, total: payload.length });
  });

  it('does not take a compressed length for the file’s', async () => {
    const text = 'memit '.repeat(20_000);
    const compressed = gzipSync(text);
    respond = (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': compressed.length });
      response.end(compressed);
    };
    expect(await readText(httpFolder(base), 'config.json')).toBe(text);
  });

  it('names a missing file', async () => {
    respond = (_, response) => response.writeHead(404).end('no');
    const error = await failure(httpFolder(base).open('config.json'));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toMatch(/“config.json” was not found at http/);
    expect((await failure(readText(httpFolder(base), 'vocab.json'))).message).toMatch(/“vocab.json” was not found/);
    expect(error).toBeInstanceOf(MissingFileError);
    expect(await optionalText(httpFolder(base), 'config.json')).toBe(null);
  });

  it('takes a web page with status 200 for a missing file', async () => {
    respond = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype>');
    expect(await optionalText(httpFolder(base), 'facts.json')).toBe(null);
    expect((await failure(readText(httpFolder(base), 'facts.json'))).message).toMatch(/was not found/);
    expect((await failure(httpFolder(base).open('model.safetensors'))).message).toMatch(/was not found/);
  });

  it('reports other statuses, also for optional files', async () => {
    respond = (_, response) => response.writeHead(503, { 'content-type': 'text/html' }).end('busy');
    expect((await failure(optionalText(httpFolder(base), 'facts.json'))).message).toMatch(/status 503/);
  });

  it('reports a connection that is cut', async () => {
    respond = (_, response) => {
      response.writeHead(200, { 'content-length': payload.length });
      response.write(payload.subarray(0, 400_000), () => response.destroy());
    };
    const error = await failure(httpFolder(base).open('w'));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toMatch(/cut while downloading “w”, after \d+ of 1500000 bytes/);
  });

  it('reports a body that ends early without an error', async () => {
    const short = (): Promise<Response> =>
      Promise.resolve(new Response(payload.slice(0, 10), { headers: { 'content-length': '11' } }));
    expect((await failure(readText(httpFolder(base, short), 'w'))).message).toMatch(/after 10 of 11 bytes/);
  });

  it('reports a server that is not there', async () => {
    const error = await failure(readText(httpFolder('http://127.0.0.1:9/m'), 'config.json'));
    expect([error.code, error.message]).toEqual(['download', expect.stringMatching(/no answer/)]);
  });

  it('can be cancelled before, while waiting and in mid-stream, and lets go of the connection', async () => {
    await expect(httpFolder(base).open('w', undefined, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);

    respond = () => undefined; // never answers
    const waiting = new AbortController();
    const pending = readText(httpFolder(base), 'w', waiting.signal);
    setTimeout(() => waiting.abort(), 20);
    await expect(pending).rejects.toBeInstanceOf(CancelledError);

    respond = (_, response) => {
      response.writeHead(200, { 'content-length': payload.length });
      response.write(payload.subarray(0, 600_000)); // and then nothing
    };
    const hangUpsBefore = hangUps;
    const streaming = new AbortController();
    const opened = httpFolder(base).open('w', ({ loaded }) => loaded > 0 && streaming.abort(), streaming.signal);
    await expect(opened).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => hangUps).toBeGreaterThan(hangUpsBefore);
  });

  it('refuses text that is not UTF-8 and accepts what is', async () => {
    respond = (_, response) => response.end(Uint8Array.of(0x7b, 0xff, 0x7d));
    expect((await failure(readText(httpFolder(base), 'config.json'))).message).toMatch(/“config.json” is not UTF-8/);
    let requests = 0;
    respond = (_, response) => {
      requests += 1;
      response.end('{"ñ": 1}');
    };
    expect(await optionalText(httpFolder(base), 'config.json')).toBe('{"ñ": 1}');
    expect(requests).toBe(1);
  });
});
