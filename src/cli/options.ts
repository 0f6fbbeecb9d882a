/** What commands have in common: the model, what runs it, and values of options. */
import { Option, InvalidArgumentError, type Command } from 'commander';
import type { EditOptions } from '../engine/session/editing.ts';
import { openSession, type OpenOptions } from '../engine/session/open.ts';
import type { ModelSession } from '../engine/session/session.ts';
import { contextsSchema } from '../engine/targets/contexts.ts';
import { AnswerFiles } from './answer-files.ts';
import { BACKENDS, startNodeBackend, type BackendName } from './backend.ts';
import { collectPaths, path, readForm } from './files.ts';
import { fileSource } from './folder-source.ts';
import { CachedStatistics } from './folder-statistics.ts';
import { FolderTargets } from './folder-targets.ts';
import { modelNamed } from './model-location.ts';
import { showNeeds, showNote, showPhase } from './progress.ts';
import { referenceData } from './reference-data.ts';

export interface ModelOptions {
  readonly model: string;
  readonly backend: BackendName;
}

/** A command that works on a model. */
export function modelCommand(root: Command, name: string, description: string): Command {
  return root
    .command(name)
    .description(description)
    .requiredOption(
      '--model <model>',
      'model folder in Hugging Face layout, a GGUF file, or owner/name[@revision] of the hub',
    )
    .addOption(
      new Option(
        '--backend <name>',
        'what runs the model; auto is native where onnxruntime-node is installed, else wasm',
      )
        .choices(BACKENDS)
        .default('auto'),
    );
}

/** Files of second moments for a run that needs them. */
export function addStatisticsOption(command: Command): Command {
  return command.option(
    '--statistics <file>',
    'second moments that are there: of the reference (.npz) or of this program, once per file',
    collectPaths,
    [],
  );
}

/** Of {@link addStatisticsOption}. @throws DownloadError */
export async function statisticsFilesOf(files: readonly string[]): Promise<Pick<OpenOptions, 'statisticsFiles'>> {
  return { statisticsFiles: await Promise.all(files.map(fileSource)) };
}

/** What a run of a method is given beside its settings. */
export interface RunOptions {
  readonly contexts?: string;
  readonly statistics: string[];
  readonly statisticsTokens?: number;
  readonly fresh: boolean;
}

/** Of commands that run a method. */
export function addRunOptions(command: Command): Command {
  return addStatisticsOption(command)
    .option('--contexts <file>', 'JSON list of context templates, "{}" first; the model writes them when absent', path)
    .option('--statistics-tokens <count>', 'tokens of text behind the covariances; ten a row when absent', parseCount)
    .option('--fresh', 'search every target, also those that an earlier run of the same edits found', false);
}

/** What {@link addRunOptions} read. @throws EngineError ('input') */
export async function runOptionsOf({
  contexts,
  statisticsTokens,
  fresh,
}: RunOptions): Promise<Pick<EditOptions, 'contexts' | 'statisticsTokens' | 'fresh'>> {
  return {
    fresh,
    ...(contexts !== undefined && { contexts: await readForm(contextsSchema, contexts) }),
    ...(statisticsTokens !== undefined && { statisticsTokens }),
  };
}

/** A model that is open by then needs no word. */
const SOON_MS = 2000;

/** Opens the model, and closes it after `body`. */
export async function withSession(
  { model, backend }: ModelOptions,
  options: OpenOptions,
  body: (session: ModelSession) => Promise<void>,
): Promise<void> {
  const host = await startNodeBackend(backend);
  if (host.note !== null) showNote(host.note);
  try {
    let told = false;
    const began = performance.now();
    const session = await openSession(await modelNamed(model), host, {
      data: referenceData(),
      answerStore: new AnswerFiles(),
      statisticsStore: new CachedStatistics(),
      targetStore: new FolderTargets(),
      onProgress: ({ needs, stage, file, loadedBytes, totalBytes }) => {
        if (needs && !told) showNeeds(needs, host.runtime.device.kind);
        told ||= needs !== undefined;
        // What is downloaded is told as it comes; the files of a folder are there.
        if (stage !== 'Downloading' && performance.now() - began > SOON_MS)
          showPhase(stage, loadedBytes, totalBytes, file);
      },
      ...options,
    });
    try {
      await body(session);
    } finally {
      await session.dispose();
    }
  } finally {
    await host.dispose();
  }
}

export function parseLayers(value: string): number[] {
  const layers = value.split(',').map((part) => wholeNumber(part.trim()));
  if (layers.some((layer) => layer === null)) {
    throw new InvalidArgumentError('Layers are whole numbers with commas between, such as 1,2,3.');
  }
  if (new Set(layers).size < layers.length) throw new InvalidArgumentError('A layer is named twice.');
  return layers as number[];
}

export function parseSeed(value: string): number {
  const seed = wholeNumber(value);
  if (seed === null) throw new InvalidArgumentError('The seed is a whole number, 0 or more.');
  return seed;
}

export function parseCount(value: string): number {
  const count = wholeNumber(value);
  if (count === null || count < 1) throw new InvalidArgumentError('Write a whole number, 1 or more.');
  return count;
}

/** In digits alone; null for anything else, and for what a double does not hold. */
function wholeNumber(text: string): number | null {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}

/** A number as people write it, such as 0.5 or 1e-3; null for anything else. */
export function decimalNumber(text: string): number | null {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : null;
}
