/** The files of a model on a hub at one commit, and which of them this program needs. */
import { ModelError } from '../../errors.ts';
import type { ModelFile } from '../model-source.ts';

/** A file as the hub lists it. */
export interface HubFile extends ModelFile {
  readonly size: number;
  /** SHA-1 of the file as a git blob, 40 hex digits; of a large file (one with a `sha256`) that of its pointer. */
  readonly oid: string;
}

export interface HubListing {
  /** Of the repository. */
  readonly id: string;
  /** What was asked for: a branch, a tag or a commit. */
  readonly revision: string;
  /** What that was then, 40 hex digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** What is taken along where it is there: for the engine, and so that an exported model is whole. */
const COMPANIONS: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'memit.json',
  'facts.json',
  'statistics.txt',
  'statistics.safetensors',
  'benchmark.json',
  'held-out.txt',
]);

const WHOLE = 'model.safetensors';
const SHARD_INDEX = 'model.safetensors.index.json';
const SHARD = /^model-\d+-of-\d+\.safetensors$/;

/** Forms of weights that are not read, by the ends of their names. */
const OTHER_WEIGHTS = /\.(?:bin|pt|pth|h5|msgpack|onnx|gguf|ot|tflite)$/;

/**
 * The files to download, smallest first, so that what is wrong with a model is seen before its weights are fetched.
 * @throws ModelError when the repository has no weights that can be read, naming those it has
 */
export function neededFiles({ id, files }: HubListing): readonly HubFile[] {
  const weights = weightFiles(files);
  if (weights.length === 0) {
    const others = files.filter(({ path }) => OTHER_WEIGHTS.test(path)).map(({ path }) => path);
    const found = others.length === 0 ? 'no weights at all' : `only ${others.slice(0, 4).join(', ')}`;
    throw new ModelError(`“${id}” has no ${WHOLE} at its top: ${found}${others.length > 4 ? ' and others' : ''}.`, {
      next: others.some((path) => path.endsWith('.gguf'))
        ? 'Download one of the GGUF files and open it from this machine.'
        : 'Look on the hub for a revision or a copy of the model with safetensors files.',
    });
  }
  const needed = new Set([...files.filter(({ path }) => COMPANIONS.has(path)), ...weights]);
  return [...needed].sort((a, b) => a.size - b.size);
}

/** The whole file counts before shards, and these before the one GGUF file that there may be; which of several is meant cannot be told. */
function weightFiles(files: readonly HubFile[]): readonly HubFile[] {
  const whole = files.filter(({ path }) => path === WHOLE);
  if (whole.length > 0) return whole;
  const index = files.filter(({ path }) => path === SHARD_INDEX);
  if (index.length > 0) return [...index, ...files.filter(({ path }) => SHARD.test(path))];
  const packed = files.filter(({ path }) => /^[^/]+\.gguf$/i.test(path));
  return packed.length === 1 ? packed : [];
}

export function totalSize(files: readonly HubFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
