/**
 * Memory that models of real shapes take: `npm run bench:memory -- [--shapes gpt2,gpt2-medium,gpt2-xl,gptj-2-layers] [--folder DIR]`.
 * Random weights in float16 are written to a folder; a process of its own each opens it, edits one fact in one layer (two steps, with C the
 * identity), and exports the edited model. Peaks are of the resident memory, after each part.
 */
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startWasm } from '../src/cli/backend.ts';
import { writeParts } from '../src/cli/outputs.ts';
import { folderSource } from '../src/cli/folder-source.ts';
import { referenceData } from '../src/cli/reference-data.ts';
import { createFamily } from '../src/engine/families/registry.ts';
import { memitSettingsSchema } from '../src/engine/methods/memit/settings.ts';
import { needsOf, weightsOf } from '../src/engine/model/needs.ts';
import { seededRandom } from '../src/engine/random.ts';
import { runEdit } from '../src/engine/session/editing.ts';
import { exportModel } from '../src/engine/session/export.ts';
import { openSession } from '../src/engine/session/open.ts';
import type { ModelSession } from '../src/engine/session/session.ts';
import { writeStatistics } from '../src/engine/statistics/statistics-file.ts';
import { encodeFloats } from '../src/engine/weights/dtype.ts';
import { safetensorsParts } from '../src/engine/weights/safetensors-writer.ts';

const gpt2 = (layers: number, width: number, heads: number): Record<string, unknown> => ({
  model_type: 'gpt2',
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: width,
  n_layer: layers,
  n_head: heads,
});

/** config.json of each. */
const SHAPES: Readonly<Record<string, Record<string, unknown>>> = {
  gpt2: gpt2(12, 768, 12),
  'gpt2-medium': gpt2(24, 1024, 16),
  'gpt2-xl': gpt2(48, 1600, 25),
  'gptj-2-layers': {
    model_type: 'gptj',
    vocab_size: 50400,
    n_positions: 2048,
    n_embd: 4096,
    n_layer: 2,
    n_head: 16,
    rotary_dim: 64,
    tie_word_embeddings: false,
  },
};

/** The tokenizer of a smaller model: its tokens are the first of the vocabulary. */
const TOKENIZER = 'public/models/demo';
const REQUEST = { prompt: '{} lives in', subject: 'The teacher', targetNew: 'Rome' };
/** Values drawn once; tensors take them from different places on. */
const DRAWN = 1 << 20;

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: Object.keys(SHAPES).join(',') },
    folder: { type: 'string', default: join(tmpdir(), 'memit-bench-memory') },
    /** Of the process that works on one model. */
    work: { type: 'string' },
  },
});

const MEBIBYTE = 2 ** 20;
const peak = (): number => process.resourceUsage().maxRSS / 1024;

/** Which of the tensors that a family knows the model has: no unembedding where it is the token table. */
function hasOwn(config: Record<string, unknown>): (tensor: string) => boolean {
  const tied = config.tie_word_embeddings !== false;
  return (tensor) => !tied || !tensor.startsWith('lm_head.');
}

async function writeModel(name: string, folder: string): Promise<void> {
  const config = SHAPES[name];
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(join(TOKENIZER, file), join(folder, file));
  }
  const random = seededRandom(1);
  const halves = encodeFloats(
    Float32Array.from({ length: DRAWN }, () => 0.07 * (random() - 0.5)),
    'F16',
  );
  const entries = weightsOf(createFamily(config, { has: hasOwn(config) })).map(({ tensor, shape }, i) => ({
    name: tensor,
    dtype: 'F16' as const,
    shape,
    async *bytes(): AsyncGenerator<Uint8Array> {
      let left = 2 * shape.reduce((size, dim) => size * dim, 1);
      let at = (2 * 7919 * i) % halves.byteLength;
      while (left > 0) {
        const chunk = halves.subarray(at, Math.min(halves.byteLength, at + left));
        yield await Promise.resolve(chunk);
        left -= chunk.byteLength;
        at = 0;
      }
    },
  }));
  await writeParts(join(folder, 'model.safetensors'), safetensorsParts(entries));
}

/** Opens, edits and exports, and prints a row of the table. */
async function work(name: string, folder: string): Promise<void> {
  const seconds: number[] = [];
  const peaks: number[] = [];
  let start = performance.now();
  const mark = (): void => {
    seconds.push((performance.now() - start) / 1000);
    peaks.push(peak());
    start = performance.now();
  };

  let opened: ModelSession | null = null;
  const statisticsStore = {
    // Of whatever layer is asked for: C is the identity, as random weights have no statistics worth computing.
    read: () => identityStatistics(opened!),
    write: () => Promise.resolve(),
  };
  const backend = await startWasm();
  opened = await openSession(folderSource(folder), backend, { statisticsStore, data: referenceData() });
  mark();
  const layer = Math.floor(opened.model.config.layerCount / 3);
  const settings = memitSettingsSchema.parse({ ...opened.preset('memit').settings, layers: [layer], steps: 2 });
  opened.stack.push(await runEdit(opened, [REQUEST], settings, { contexts: ['{}', 'The weather was good. {}'] }));
  mark();
  const { parts } = await exportModel(opened, 'safetensors', { dtype: 'source' });
  const out = join(folder, 'edited.safetensors');
  await writeParts(out, parts);
  mark();
  const needs = needsOf(opened.model.family, opened.tensors, backend.runtime.device);
  const size = (await stat(out)).size;
  const mib = (bytes: number): string => (bytes / MEBIBYTE).toFixed(0);
  const cells = [name, mib(size), mib(needs.weightBytes), mib(needs.statisticsBytes)];
  peaks.forEach((value, i) => cells.push(`${value.toFixed(0)} (${seconds[i].toFixed(0)} s)`));
  console.log(`| ${cells.join(' | ')} |`);
}

async function identityStatistics({ identity, model }: ModelSession): Promise<Uint8Array> {
  const size = model.config.intermediateSize;
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i += 1) matrix[i * size + i] = 1;
  const layer = Math.floor(model.config.layerCount / 3);
  const layers = new Map([[layer, matrix]]);
  return writeStatistics({ modelHash: identity.hash, textHash: '', tokens: 100_000, complete: true, layers }, size);
}

if (values.work !== undefined) {
  await work(values.work, join(values.folder, values.work));
  process.exit(0);
}
console.log('| shape | file, MiB | weights, MiB | statistics a layer, MiB | peak open | edited | exported |');
for (const name of values.shapes.split(',')) {
  const folder = join(values.folder, name);
  await writeModel(name, folder);
  const words = ['tsx', 'bench/memory.ts', '--folder', values.folder, '--work', name];
  const { status } = spawnSync('npx', words, { stdio: 'inherit' });
  if (status !== 0) console.log(`| ${name} | failed (${status}) |`);
  await rm(folder, { recursive: true });
}
