/** Models by their name on the hub: the shared cache's layout, and the command line from end to end. */
import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSource } from '../../../src/cli/folder-source.ts';
import { writeParts } from '../../../src/cli/outputs.ts';
import { hubModel } from '../../../src/cli/hub/hub-model.ts';
import { hubSettings, type HubSettings } from '../../../src/cli/hub/hub-settings.ts';
import { readText } from '../../../src/engine/sources/model-source.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { etagOf, startHub, type HubServer } from '../sources/hub-server.ts';
import { failure } from '../sources/support.ts';
import { TINY_MODEL } from '../support.ts';

const COMMIT = 'abcdef0123'.repeat(4);
const ID = 'someone/tiny';
const FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];

let folder: string;
let hub: HubServer;
let settings: HubSettings;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'memit-hub-'));
  const files = await Promise.all(FILES.map(async (name) => [name, await readFile(join(TINY_MODEL, name))] as const));
  hub = await startHub({ [ID]: { commit: COMMIT, revisions: ['v1'], files: Object.fromEntries(files) } });
  settings = { cache: join(folder, 'hub'), endpoint: hub.address, token: null, offline: false };
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true });
});

const name = (revision = 'main') => ({ id: ID, revision });
const repository = (...parts: string[]): string => join(settings.cache, 'models--someone--tiny', ...parts);
const downloads = (): (string | null)[] =>
  hub.requests.filter(({ path }) => path.includes('/resolve/')).map(({ range }) => range);

describe('settings', () => {
  it('are those of huggingface_hub', () => {
    expect(hubSettings({ HF_HOME: '/h', HF_TOKEN: ' t ', HF_HUB_OFFLINE: '0' })).toEqual({
      cache: '/h/hub',
      endpoint: 'https://huggingface.co',
      token: 't',
      offline: false,
    });
    expect(hubSettings({ HF_HOME: '/h', HF_HUB_CACHE: '/c', HF_ENDPOINT: 'http://m', HF_HUB_OFFLINE: 'YES' })).toEqual({
      cache: '/c',
      endpoint: 'http://m',
      token: null,
      offline: true,
    });
    expect(hubSettings({ XDG_CACHE_HOME: '/x', HF_HOME: '' }).cache).toBe('/x/huggingface/hub');
  });
});

describe('the cache', () => {
  it('is laid out as huggingface_hub does it, and asked before the hub', async () => {
    const source = await hubModel(name(), settings);
    expect([source.id, source.revision, source.name]).toEqual([ID, COMMIT, ID]);
    expect(await readFile(repository('refs', 'main'), 'utf8')).toBe(COMMIT);
    expect((await readdir(repository('snapshots', COMMIT))).sort()).toEqual(FILES);
    for (const file of FILES) {
      const bytes = hub.models[ID].files[file];
      expect(await readlink(repository('snapshots', COMMIT, file))).toBe(`../../blobs/${etagOf(bytes)}`);
      const read = await source.open(file);
      expect(Buffer.compare(await read.read(0, read.size), bytes)).toBe(0);
    }
    expect((await readdir(repository('blobs'))).some((blob) => blob.endsWith('.incomplete'))).toBe(false);
    hub.requests.length = 0;
    await hubModel(name('v1'), settings);
    expect(downloads()).toEqual([]);
    expect(await readFile(repository('refs', 'v1'), 'utf8')).toBe(COMMIT);
  });

  it('goes on with what another run left, and shares blobs between commits', async () => {
    const weights = hub.models[ID].files['model.safetensors'];
    await mkdir(repository('blobs'), { recursive: true });
    await writeFile(repository('blobs', `${etagOf(weights)}.incomplete`), weights.subarray(0, 9000));
    await hubModel(name(), settings);
    expect(downloads()).toContain('bytes=9000-');

    const next = 'f'.repeat(40);
    const config = randomBytes(100);
    hub.models[ID] = { commit: next, files: { ...hub.models[ID].files, 'config.json': config } };
    hub.requests.length = 0;
    const source = await hubModel(name(), settings);
    expect(downloads()).toHaveLength(1);
    const read = await source.open('config.json');
    expect(Buffer.compare(await read.read(0, read.size), config)).toBe(0);
    expect((await readdir(repository('snapshots'))).sort()).toEqual([COMMIT, next].sort());
    expect(await readFile(repository('refs', 'main'), 'utf8')).toBe(next);
  });

  it('serves without the hub what any program put there', async () => {
    await mkdir(repository('refs'), { recursive: true });
    await mkdir(repository('blobs'));
    await mkdir(repository('snapshots', COMMIT), { recursive: true });
    await writeFile(repository('refs', 'main'), COMMIT);
    await writeFile(repository('blobs', 'e1'), '{"a": 1}');
    await symlink('../../blobs/e1', repository('snapshots', COMMIT, 'config.json'));
    const notes: string[] = [];
    await hub.close();
    const away = await hubModel(name(), settings, { onNote: (note) => notes.push(note) });
    expect([away.name, away.revision, await readText(away, 'config.json')]).toEqual([ID, COMMIT, '{"a": 1}']);
    expect(notes).toEqual([expect.stringMatching(/does not answer: .* is taken from the cache/)]);
    const offline = { ...settings, offline: true };
    expect(await readText(await hubModel(name(COMMIT), offline), 'config.json')).toBe('{"a": 1}');
    expect((await failure(hubModel(name('v9'), offline))).message).toMatch(
      /“someone\/tiny” \(v9\) is not in the cache/,
    );
    expect((await failure(hubModel({ id: 'a/b', revision: 'main' }, settings))).message).toMatch(/does not answer/);
  });

  it('mends links that lead nowhere, and copies where there can be no links', async () => {
    await hubModel(name(), settings);
    const link = repository('snapshots', COMMIT, 'config.json');
    await rm(link);
    await symlink('../../blobs/gone', link);
    hub.requests.length = 0;
    await readText(await hubModel(name(), settings), 'config.json');
    expect(downloads()).toEqual([]);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    // A real file of the right length is as good as a link.
    await rm(link);
    await writeFile(link, hub.models[ID].files['config.json']);
    await hubModel(name(), settings);
    expect((await lstat(link)).isFile()).toBe(true);
  });

  it('that cannot be written is said by its name', async () => {
    await writeFile(settings.cache, 'a file');
    const error = await failure(hubModel(name(), settings));
    expect([error.code, error.next]).toEqual(['storage', expect.stringMatching(/HF_HUB_CACHE/)]);
  });
});

describe('large files', () => {
  it('are read beyond 4 GiB', async () => {
    const path = join(folder, 'large.safetensors');
    const data = 4 * 2 ** 30 + 64;
    const header = JSON.stringify({
      zeros: { dtype: 'U8', shape: [data - 16], data_offsets: [0, data - 16] },
      w: { dtype: 'F32', shape: [4], data_offsets: [data - 16, data] },
    }).padEnd(256);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(path, Buffer.concat([length, Buffer.from(header)]));
    const values = Float32Array.from({ length: 4 }, () => Math.random());
    await truncate(path, 8 + header.length + data - 16); // sparse
    await writeFile(path, Buffer.from(values.buffer), { flag: 'a' });
    const file = await readSafetensors(await fileSource(path));
    const bytes = await file.source.read(file.source.size - 16, file.source.size);
    expect(new Float32Array(bytes.slice().buffer)).toEqual(values);
    expect(file.source.size).toBe(8 + header.length + data);
  });

  it('are written a part at a time, and keep their name for what is whole', async () => {
    const path = join(folder, 'out.bin');
    const parts = [randomBytes(1000), randomBytes(70_000), randomBytes(3)];
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      yield* parts;
    };
    await writeParts(path, { size: 71_003, stream });
    expect(Buffer.compare(await readFile(path), Buffer.concat(parts))).toBe(0);
    const cut = async function* (): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      yield parts[0];
      throw new Error('cut');
    };
    await expect(writeParts(join(folder, 'cut.bin'), { size: 2000, stream: cut })).rejects.toThrow('cut');
    expect((await readdir(folder)).filter((file) => file.startsWith('cut'))).toEqual([]);
  });
});

describe('memit --model owner/name', () => {
  function memit(...args: string[]): Promise<{ code: number; stderr: string }> {
    const script = resolve('src/cli/memit.ts');
    const env = { ...process.env, HF_HOME: folder, HF_HUB_CACHE: '', HF_ENDPOINT: hub.address, HF_TOKEN: '' };
    return new Promise((done) => {
      execFile(process.execPath, ['--import', 'tsx', script, ...args], { env }, (error, _, stderr) => {
        done({ code: error ? Number(error.code) : 0, stderr });
      });
    });
  }

  it('answers as the same model from a folder does', async () => {
    const prompts = join(folder, 'prompts.json');
    await writeFile(prompts, '["The capital of", "I"]');
    const ask = (model: string, out: string) =>
      memit('predict', '--model', model, '--prompts', prompts, '--out', join(folder, out));
    expect(await ask(`${ID}@v1`, 'hub.json')).toEqual({ code: 0, stderr: 'Downloading …\n' });
    expect(await ask(TINY_MODEL, 'folder.json')).toEqual({ code: 0, stderr: '' });
    expect(await readFile(join(folder, 'hub.json'), 'utf8')).toBe(await readFile(join(folder, 'folder.json'), 'utf8'));

    hub.models[ID] = { ...hub.models[ID], token: 'hf_secret', commit: 'e'.repeat(40) };
    hub.models[ID].files['config.json'][0] ^= 1; // another file, so that it is asked for
    const gated = await ask(ID, 'never.json');
    expect(gated.code).toBe(2);
    expect(gated.stderr).toMatch(
      /“someone\/tiny” is gated.*Accept its licence at .*someone\/tiny, then give an access token/,
    );
  });
});
