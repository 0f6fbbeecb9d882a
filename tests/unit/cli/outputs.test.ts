/** What the command line writes: whole or not at all, and never over what it reads. */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuseOverwriting, writeParts, writeWhole } from '../../../src/cli/outputs.ts';
import { EngineError } from '../../../src/engine/errors.ts';
import { DEMO_MODEL, TINY_MODEL } from '../support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'memit-outputs-'));
  await cp(TINY_MODEL, join(folder, 'model'), { recursive: true });
  await symlink(join(folder, 'model'), join(folder, 'link'));
  await writeFile(join(folder, 'in.json'), '[]');
  await symlink(join(folder, 'in.json'), join(folder, 'link.json'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('refuseOverwriting', () => {
  const at = (name: string): string => join(folder, name);

  it.each<[string, () => Record<string, unknown>]>([
    ['a model', () => ({ model: at('model'), out: at('model') })],
    ['a model by a link', () => ({ model: at('link'), out: at('model') })],
    ['the weights', () => ({ model: at('model'), out: at('model/model.safetensors') })],
    ['the tokenizer, by a link', () => ({ model: at('model'), out: at('link/tokenizer.json') })],
    ['prompts', () => ({ model: at('model'), prompts: at('in.json'), out: at('in.json') })],
    ['requests by a link', () => ({ requests: at('in.json'), out: at('new'), report: at('link.json') })],
    ['one of several patches', () => ({ patch: [at('none'), at('in.json')], out: at('in.json') })],
  ])('finds what would be written over: %s', async (_, options) => {
    const refusal = await refuseOverwriting(options()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EngineError);
    expect(refusal).toMatchObject({ code: 'input', kept: 'Nothing was written.' });
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['a new file', () => ({ model: at('model'), prompts: at('in.json'), out: at('out.json') })],
    ['a new file of the model’s folder', () => ({ model: at('model'), out: at('model/answers.json') })],
    ['a result of before', () => ({ model: 'owner/name', out: at('in.json') })],
  ])('lets others be: %s', async (_, options) => {
    await expect(refuseOverwriting(options())).resolves.toBeUndefined();
  });
});

describe('a file', () => {
  it('makes the folders that it needs', async () => {
    await writeWhole(join(folder, 'a', 'b', 'c.txt'), 'whole');
    expect(await readFile(join(folder, 'a', 'b', 'c.txt'), 'utf8')).toBe('whole');
  });

  it('stays as it was when what comes after it fails', async () => {
    const place = join(folder, 'parts');
    await mkdir(place);
    const file = join(place, 'model.safetensors');
    await writeWhole(file, 'before');
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(new Uint8Array(1000));
      throw new Error('no more memory');
    }
    await expect(writeParts(file, { size: 2000, stream })).rejects.toThrow(
      /“.*model\.safetensors” could not be written: no more memory\./,
    );
    expect(await readFile(file, 'utf8')).toBe('before');
    expect(await readdir(place)).toEqual(['model.safetensors']);
  });

  it('says why it could not be written', async () => {
    const failure = await writeWhole(join(folder, 'in.json', 'x.json'), '').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'export', next: expect.stringMatching(/another place/) as string });
  });
});

describe('a signal', () => {
  const SLOW_WRITER = `
    import { writeParts } from '${resolve('src/cli/outputs.ts')}';
    async function* stream() {
      for (;;) {
        yield new Uint8Array(1000);
        process.stderr.write('.');
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    await writeParts(process.argv[1], { size: Infinity, stream });
  `;

  it.each<[NodeJS.Signals, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('leaves nothing of a file that is being written: %s', async (signal, code) => {
    const place = join(folder, signal);
    const words = ['--import', 'tsx', '--input-type=module', '-e', SLOW_WRITER, join(place, 'model.safetensors')];
    const run = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'pipe'] });
    run.stderr.once('data', () => run.kill(signal));
    expect(await new Promise((done) => run.on('exit', done))).toBe(code);
    expect(await readdir(place)).toEqual([]);
  });

  it('ends a run at once, before it has written anything', async () => {
    const out = join(folder, 'ended');
    const requests = join(folder, 'requests.json');
    const request = { prompt: 'The capital of {} is', subject: 'France', target_new: { str: 'Rome' } };
    await writeFile(requests, JSON.stringify([request]));
    const words = ['edit', '--model', DEMO_MODEL, '--requests', requests, '--out', out];
    const run = spawn(process.execPath, ['--import', 'tsx', resolve('src/cli/memit.ts'), ...words]);
    run.stderr.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('targets')) run.kill('SIGINT');
    });
    const signal = await new Promise((done) => run.on('exit', (_, by) => done(by)));
    expect(signal).toBe('SIGINT');
    expect(await readdir(folder)).not.toContain('ended');
  });
});
