import { createServer, type RequestListener, type Server } from 'node:http';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileSource, folderFiles } from '../../../src/cli/folder-source.ts';
import { CancelledError, DownloadError, EngineError } from '../../../src/engine/errors.ts';
import { blobSource, memorySource, type ByteSource } from '../../../src/engine/weights/byte-source.ts';
import { httpFiles, localFiles, type ByteProgress } from '../../../src/engine/sources/model-files.ts';

const payload = Uint8Array.from({ length: 1_500_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

/** Whether the source holds exactly the payload (a comparison by Buffer: `toEqual` takes seconds on a megabyte). */
async function holdsPayload(source: ByteSource): Promise<boolean> {
  return Buffer.compare(await source.read(0, source.size), payload) === 0;
}

describe('httpFiles', () => {
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
    const files = httpFiles(base);
    const source = await files.open('sub/model #1.safetensors', (progress) => seen.push(progress));
    expect(files.name).toBe('tiny gpt2');
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
    const source = await httpFiles(base).open('w', (progress) => seen.push(progress));
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
    expect(await httpFiles(base).readText('config.json')).toBe(text);
  });

  it('names a missing file', async () => {
    respond = (_, response) => response.writeHead(404).end('no');
    const error = await failure(httpFiles(base).open('config.json'));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toMatch(/“config.json” was not found at http/);
    expect((await failure(httpFiles(base).readText('vocab.json'))).message).toMatch(/“vocab.json” was not found/);
    expect(await httpFiles(base).optionalText('config.json')).toBe(null);
  });

  it('takes a web page with status 200 for a missing file', async () => {
    respond = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype>');
    expect(await httpFiles(base).optionalText('facts.json')).toBe(null);
    expect((await failure(httpFiles(base).readText('facts.json'))).message).toMatch(/was not found/);
    expect((await failure(httpFiles(base).open('model.safetensors'))).message).toMatch(/was not found/);
  });

  it('reports other statuses, also for optional files', async () => {
    respond = (_, response) => response.writeHead(503, { 'content-type': 'text/html' }).end('busy');
    expect((await failure(httpFiles(base).optionalText('facts.json'))).message).toMatch(/status 503/);
  });

  it('reports a connection that is cut', async () => {
    respond = (_, response) => {
      response.writeHead(200, { 'content-length': payload.length });
      response.write(payload.subarray(0, 400_000), () => response.destroy());
    };
    const error = await failure(httpFiles(base).open('w'));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error.message).toMatch(/cut while downloading “w”, after \d+ of 1500000 bytes/);
  });

  it('reports a body that ends early without an error', async () => {
    const short = (): Promise<Response> =>
      Promise.resolve(new Response(payload.slice(0, 10), { headers: { 'content-length': '11' } }));
    expect((await failure(httpFiles(base, short).readText('w'))).message).toMatch(/after 10 of 11 bytes/);
  });

  it('reports a server that is not there', async () => {
    const error = await failure(httpFiles('http://127.0.0.1:9/m').readText('config.json'));
    expect([error.code, error.message]).toEqual(['download', expect.stringMatching(/no answer/)]);
  });

  it('can be cancelled before, while waiting and in mid-stream, and lets go of the connection', async () => {
    await expect(httpFiles(base).open('w', undefined, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);

    respond = () => undefined; // never answers
    const waiting = new AbortController();
    const pending = httpFiles(base).readText('w', waiting.signal);
    setTimeout(() => waiting.abort(), 20);
    await expect(pending).rejects.toBeInstanceOf(CancelledError);

    respond = (_, response) => {
      response.writeHead(200, { 'content-length': payload.length });
      response.write(payload.subarray(0, 600_000)); // and then nothing
    };
    const hangUpsBefore = hangUps;
    const streaming = new AbortController();
    const opened = httpFiles(base).open('w', ({ loaded }) => loaded > 0 && streaming.abort(), streaming.signal);
    await expect(opened).rejects.toBeInstanceOf(CancelledError);
    await expect.poll(() => hangUps).toBeGreaterThan(hangUpsBefore);
  });

  it('refuses text that is not UTF-8 and accepts what is', async () => {
    respond = (_, response) => response.end(Uint8Array.of(0x7b, 0xff, 0x7d));
    expect((await failure(httpFiles(base).readText('config.json'))).message).toMatch(/“config.json” is not UTF-8/);
    respond = (_, response) => response.end('{"ñ": 1}');
    expect(await httpFiles(base).optionalText('config.json')).toBe('{"ñ": 1}');
  });
});

describe('localFiles', () => {
  const files = localFiles('picked', [
    { name: 'config.json', blob: new Blob(['{}']) },
    { name: 'folder/model.safetensors', blob: new Blob([payload]) },
  ]);

  it('finds files by name', async () => {
    const seen: ByteProgress[] = [];
    const source = await files.open('model.safetensors', (progress) => seen.push(progress));
    expect(await holdsPayload(source)).toBe(true);
    expect(seen).toEqual([{ file: 'model.safetensors', loaded: payload.length, total: payload.length }]);
    expect(await files.readText('config.json')).toBe('{}');
    expect(await files.optionalText('facts.json')).toBe(null);
  });

  it('says what is missing, what is there and what is there twice', async () => {
    const error = await failure(files.readText('tokenizer.json'));
    expect(error.message).toMatch(/“tokenizer.json” is not among the files \(config.json, model.safetensors\)/);
    const twice = localFiles('picked', [
      { name: 'a/config.json', blob: new Blob(['1']) },
      { name: 'b/config.json', blob: new Blob(['2']) },
    ]);
    expect((await failure(twice.optionalText('config.json'))).message).toMatch(
      /Two of the files are called “config.json”/,
    );
  });

  it('takes the file nearest the top of a picked folder', async () => {
    const folder = localFiles('picked', [
      { name: 'gpt2/onnx/config.json', blob: new Blob(['inner']) },
      { name: 'gpt2/config.json', blob: new Blob(['outer']) },
      { name: 'gpt2/onnx/a/config.json', blob: new Blob(['inner']) },
    ]);
    expect(await folder.readText('config.json')).toBe('outer');
  });
});

describe('sources', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'memit-files-'));
    await writeFile(join(directory, 'w.bin'), payload.subarray(0, 100));
    await writeFile(join(directory, 'config.json'), '{"a": 1}');
  });
  afterAll(() => rm(directory, { recursive: true }));

  const kinds: [string, () => Promise<ByteSource>][] = [
    ['memory', () => Promise.resolve(memorySource('w.bin', payload.subarray(0, 100)))],
    ['blob', () => Promise.resolve(blobSource('w.bin', new Blob([payload.slice(0, 100)])))],
    ['file', () => fileSource(join(directory, 'w.bin'))],
  ];

  it.each(kinds)('of kind %s read exact ranges and refuse others', async (_, make) => {
    const source = await make();
    expect([source.name, source.size]).toEqual(['w.bin', 100]);
    expect([...(await source.read(3, 9))]).toEqual([...payload.subarray(3, 9)]);
    expect((await source.read(100, 100)).length).toBe(0);
    for (const [start, end] of [
      [-1, 5],
      [5, 4],
      [90, 101],
      [0.5, 2],
    ]) {
      expect((await failure(source.read(start, end))).message).toMatch(/“w.bin”/);
    }
    await expect(source.read(0, 1, AbortSignal.abort())).rejects.toBeInstanceOf(CancelledError);
  });

  it('report a file that became shorter or unreadable', async () => {
    const path = join(directory, 'shrinks.bin');
    await writeFile(path, payload.subarray(0, 50));
    const source = await fileSource(path);
    await truncate(path, 20);
    expect((await failure(source.read(10, 40))).message).toMatch(/“shrinks.bin” could not be read/);
    const broken = Object.assign(new Blob(['abc']), {
      slice: () => ({ arrayBuffer: () => Promise.reject(new Error()) }),
    });
    expect((await failure(blobSource('b', broken as Blob).read(0, 2))).code).toBe('download');
  });

  it('are opened from a folder', async () => {
    const files = folderFiles(directory);
    const seen: ByteProgress[] = [];
    expect(directory.endsWith(files.name)).toBe(true);
    expect((await files.open('w.bin', (progress) => seen.push(progress))).size).toBe(100);
    expect(seen).toEqual([{ file: 'w.bin', loaded: 100, total: 100 }]);
    expect(await files.readText('config.json')).toBe('{"a": 1}');
    expect(await files.optionalText('config.json')).toBe('{"a": 1}');
    expect(await files.optionalText('facts.json')).toBe(null);
    expect((await failure(files.readText('facts.json'))).message).toMatch(/facts\.json/);
    expect((await failure(files.open('.'))).code).toBe('download');
  });
});
