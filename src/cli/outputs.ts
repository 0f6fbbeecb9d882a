/** What the command line writes: whole or not at all, and never over what it reads. */
import { rmSync } from 'node:fs';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { EngineError } from '../engine/errors.ts';
import { messageOf } from '../engine/text.ts';
import type { FileParts } from '../engine/weights/safetensors-writer.ts';
import { path } from './files.ts';

/** Files that are being written, under the names they have until they are whole. */
const unfinished = new Set<string>();

/** As shells expect of a program that a signal ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type EndingSignal = keyof typeof EXIT_CODES;
const ENDING_SIGNALS = Object.keys(EXIT_CODES) as EndingSignal[];

/** Ctrl-C leaves no half of a file. Only while one is being written: what computes would not hear of it for long. */
function endBySignal(signal: EndingSignal): void {
  for (const part of unfinished) rmSync(part, { force: true });
  process.exit(EXIT_CODES[signal]);
}

function begin(part: string): void {
  if (unfinished.size === 0) for (const signal of ENDING_SIGNALS) process.on(signal, endBySignal);
  unfinished.add(part);
}

function end(part: string): void {
  unfinished.delete(part);
  if (unfinished.size === 0) for (const signal of ENDING_SIGNALS) process.off(signal, endBySignal);
}

/** Writes a file while it is made: it may be larger than memory. What is not whole does not get the name. @throws EngineError ('export') */
export async function writeParts(file: string, parts: FileParts): Promise<void> {
  await write(file, parts.stream());
}

/** @throws EngineError ('export') */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  await write(file, [content]);
}

/** @throws EngineError ('export') */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeWhole(file, `${JSON.stringify(value, null, 1)}\n`);
}

async function write(
  file: string,
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  begin(part);
  try {
    await mkdir(dirname(file), { recursive: true });
    const handle = await open(part, 'w');
    try {
      for await (const chunk of chunks) await handle.writeFile(chunk);
      // Before the name says that it is there.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    // Where its folder is none, there is nothing to remove either.
    await rm(part, { force: true }).catch(() => undefined);
    if (error instanceof EngineError) throw error;
    throw new EngineError('export', `“${file}” could not be written: ${messageOf(error)}.`, {
      kept: 'What was there before is as it was.',
      next: 'Free some space, or name another place with --out.',
      cause: error,
    });
  } finally {
    end(part);
  }
}

/** Options that say where something goes, and those that say where something comes from. */
const OUTPUTS = ['out', 'report', 'cases'];
const INPUTS = ['model', 'prompts', 'requests', 'contexts', 'records', 'references', 'text', 'patch', 'statistics'];
/** Of a model's folder: what the model is made of. */
const MODEL_FILES =
  /^(config|generation_config|tokenizer.*|special_tokens_map|added_tokens|vocab|memit|.*\.index)\.json$|^merges\.txt$|^(model|pytorch_model).*\.safetensors$|\.gguf$/;

/**
 * @param options of a command
 * @throws EngineError ('input') when the command would write over what it reads, by whatever name
 */
export async function refuseOverwriting(options: Readonly<Record<string, unknown>>): Promise<void> {
  const pathsOf = (names: readonly string[]): string[] =>
    names.flatMap((name) => options[name] ?? []).filter((value): value is string => typeof value === 'string');
  const inputs = new Set<string>();
  for (const input of pathsOf(INPUTS)) {
    // A name on the hub is no path, and the model's is not resolved yet.
    const real = await realpath(path(input)).catch(() => null);
    if (real !== null) inputs.add(real);
  }
  for (const output of pathsOf(OUTPUTS)) {
    const real = await realpath(output).catch(() => null);
    if (real === null) continue;
    const isPartOfModel = inputs.has(dirname(real)) && MODEL_FILES.test(basename(real));
    if (inputs.has(real) || isPartOfModel) {
      throw new EngineError('input', `“${output}” is what this command reads: it would be written over.`, {
        kept: 'Nothing was written.',
        next: 'Name another place.',
      });
    }
  }
}
