/** Files that the user names on the command line to be read. */
import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import { settingsSchemas } from '../engine/methods/registry.ts';
import type { Patch } from '../engine/patches/patch.ts';
import { readPatchFile } from '../engine/patches/patch-file.ts';
import { decodeText, GUESSED_ENCODING, parseJson } from '../engine/text.ts';
import { fileSource } from './folder-source.ts';

/** Paths are meant from where the user called npm, not from the project's folder npm changes to. */
export function path(value: string): string {
  return resolve(process.env.INIT_CWD ?? '.', value);
}

/** For an option that may be given several times. */
export function collectPaths(value: string, before: string[]): string[] {
  return [...before, path(value)];
}

/** In whatever encoding it is; one that is guessed is told on standard error. @throws EngineError ('input') */
export async function readText(file: string): Promise<string> {
  const bytes = await readWhole(file).catch((cause: unknown) => {
    throw cause instanceof EngineError ? cause : unreadable(file);
  });
  const { text, encoding } = decodeText(bytes);
  if (encoding === GUESSED_ENCODING)
    process.stderr.write(`${basename(file)} is no UTF-8: it is read as ${encoding}.\n`);
  return text;
}

/** What the program is given on its standard input, by the names that shells have for it. */
const STANDARD_INPUT = /^\/dev\/(stdin|fd\/\d+)$/;

/** Not of a device, which may have no end, nor of a pipe but those that a shell makes. */
async function readWhole(file: string): Promise<Uint8Array> {
  if (!STANDARD_INPUT.test(file) && !(await stat(file)).isFile())
    throw new EngineError('input', `“${file}” is no file.`, { next: 'Give the name of a file, or /dev/stdin.' });
  return readFile(file);
}

/** @throws EngineError ('input') */
export async function readJson(file: string): Promise<unknown> {
  return parseJson(await readText(file), () => new EngineError('input', `“${file}” is not valid JSON.`));
}

/** A JSON file of a form. @throws EngineError ('input') saying where it is at fault */
export async function readForm<T>(schema: z.ZodType<T>, file: string): Promise<T> {
  const parsed = schema.safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EngineError('input', `${basename(file)}: ${issue.path.join('.')} ${issue.message}`);
}

/** @throws EngineError ('input'), PatchError */
export async function readPatch(file: string): Promise<Patch> {
  // By ranges: what reads files whole ends at 2 GiB.
  const source = await fileSource(file).catch(() => {
    throw unreadable(file);
  });
  return readPatchFile(source, settingsSchemas());
}

function unreadable(file: string): EngineError {
  return new EngineError('input', `“${file}” cannot be read.`);
}
