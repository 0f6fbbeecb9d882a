/** What tests of the command line share: the program as a process of its own, a folder, and a model in it. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { settingsSchemas } from '../../../src/engine/methods/registry.ts';
import { readPatchFile } from '../../../src/engine/patches/patch-file.ts';
import type { Patch } from '../../../src/engine/patches/patch.ts';
import { TINY_MODEL } from '../support.ts';
import { TINY_TEXT } from '../tiny.ts';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** The tests' own, of each file another. */
export let folder: string;
/** The tiny model with a text for its statistics. */
export let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'memit-cli-'));
  model = join(folder, 'tiny');
  await cp(TINY_MODEL, model, { recursive: true });
  await writeFile(join(model, 'statistics.txt'), TINY_TEXT);
  await writeFile(join(model, 'notes.txt'), 'Not part of the model.');
});

afterAll(() => rm(folder, { recursive: true }));

export function memit(...args: string[]): Promise<Outcome> {
  const script = resolve('src/cli/memit.ts');
  return new Promise((done) => {
    // What is kept from one run to the next is the tests' own.
    const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
    execFile(process.execPath, ['--import', 'tsx', script, ...args], { env }, (error, stdout, stderr) => {
      done({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

export async function writeJson(name: string, value: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

/** The patch beside an edited model. */
export async function readPatch(folder: string): Promise<Patch> {
  return readPatchFile(await readFile(join(folder, 'patch.safetensors')), settingsSchemas());
}
