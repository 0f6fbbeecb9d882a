/**
 * The engine from the command line: `npm run -s memit -- edit | predict | trace | evaluate | benchmark | damage | statistics`.
 * Exit codes: 0 done, 1 the run failed, 2 bad arguments or input; each failure is one line on standard error.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { EngineError, type ErrorCode } from '../engine/errors.ts';
import { runReportSchema } from '../engine/methods/report.ts';
import type { Patch } from '../engine/patches/patch.ts';
import { drawRecords } from '../engine/evaluation/benchmark.ts';
import { fitRecords, type FittedRecords } from '../engine/evaluation/fitting.ts';
import type { GenerationOptions } from '../engine/evaluation/generation.ts';
import { importRecords } from '../engine/evaluation/import.ts';
import type { EvaluationRecord } from '../engine/evaluation/records.ts';
import { ReferenceTexts } from '../engine/evaluation/reference-texts.ts';
import { caseFiles, referenceForm, type Evaluation } from '../engine/evaluation/report.ts';
import { readPatchFile, writePatchFile } from '../engine/patches/patch-file.ts';
import { readFloats } from '../engine/runtime/device.ts';
import { sha256 } from '../engine/statistics/covariances.ts';
import { computeSecondMoments } from '../engine/statistics/second-moment.ts';
import { writeStatistics } from '../engine/statistics/statistics-file.ts';
import { parseRequests } from '../engine/tokens/request.ts';
import { TRACE_DEFAULTS, type TraceKind, type TraceSettings } from '../engine/tracing/settings.ts';
import { collect } from '../engine/weights/safetensors-writer.ts';
import { Workbench, type OpenOptions } from '../engine/session/workbench.ts';
import { startNodeBackend, type BackendName } from './backend.ts';
import { folderFiles } from './folder-source.ts';
import { FolderStatistics } from './folder-statistics.ts';
import { benchmark, evaluatePatches } from './evaluate.ts';
import { averageFacts, averagePrompts, KINDS, parseTracePrompts, tracePrompts } from './trace.ts';

/** Failures of what was given; all others are failures of the run. */
const INPUT_CODES: readonly ErrorCode[] = [
  'download',
  'input',
  'model',
  'patch',
  'request',
  'safetensors',
  'statistics',
];

/** Files beside the weights that `transformers` reads; they go with the edited model. */
const COMPANIONS =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|vocab|added_tokens)\.json$|^merges\.txt$/;

const promptsSchema = z.array(
  z.union([z.string(), z.object({ prompt: z.string() }).transform(({ prompt }) => prompt)]),
);
const contextsSchema = z.array(z.string()).min(1);

interface EditOptions {
  model: string;
  requests: string;
  out: string;
  layers?: number[];
  seed?: number;
  contexts?: string;
  stats?: string;
  backend: BackendName;
  report?: string;
}

async function edit(options: EditOptions): Promise<void> {
  const requests = parseRequests(await readText(options.requests));
  const contexts =
    options.contexts === undefined
      ? undefined
      : parse(contextsSchema, options.contexts, await readJson(options.contexts));
  const store =
    options.stats === undefined ? {} : { statisticsStore: new FolderStatistics(options.stats), ignoreShipped: true };
  await withWorkbench(options, store, async (bench) => {
    const preset = bench.preset.settings;
    const settings = { ...preset, layers: options.layers ?? preset.layers, seed: options.seed ?? preset.seed };
    const patch = await bench.edit(requests, settings, { contexts, progress: { onPhase: showPhase } });
    bench.stack.push(patch);
    const { parts } = await bench.export('full', 'source');
    await mkdir(options.out, { recursive: true });
    await writeFile(join(options.out, 'model.safetensors'), await collect(parts));
    await writeFile(join(options.out, 'patch.safetensors'), await writePatchFile(patch));
    for (const file of await readdir(options.model)) {
      if (COMPANIONS.test(file)) await copyFile(join(options.model, file), join(options.out, file));
    }
    if (options.report !== undefined) await writeJson(options.report, reportOf(patch, bench));
    process.stderr.write(`Wrote ${options.out}: ${requests.length} edits in layers ${settings.layers.join(', ')}.\n`);
  });
}

async function predict(options: { model: string; prompts: string; out: string; backend: BackendName }): Promise<void> {
  const prompts = parse(promptsSchema, options.prompts, await readJson(options.prompts));
  await withWorkbench(options, {}, async (bench) => {
    const tops = await bench.predict(prompts);
    const answers = prompts.map((prompt, i) => ({
      prompt,
      top: tops[i].map(({ id, logProbability }) => ({
        token: bench.tokenizer.tokenText(id),
        id,
        logprob: logProbability,
      })),
    }));
    await writeJson(options.out, answers);
  });
}

interface TraceOptions {
  model: string;
  prompts?: string;
  facts?: number;
  average: boolean;
  kinds: TraceKind[];
  severed: boolean;
  samples: number;
  window: number;
  noise?: number;
  seed: number | 'numpy1';
  out: string;
  backend: BackendName;
}

async function trace(options: TraceOptions): Promise<void> {
  const { kinds, severed, samples, window, noise = null, seed, facts } = options;
  const draw = seed === 'numpy1' ? { seed: 1, generator: 'numpy1' as const } : { seed, generator: 'seeded' as const };
  const settings: TraceSettings = { kinds, severed, samples, window, noise, ...draw };
  const progress = (done: number, total: number): void =>
    showPhase('trace', done, total, `${done} of ${total} prompts`);
  if ((options.prompts === undefined) === (facts === undefined)) {
    throw new EngineError('input', 'Give either --prompts or, with --average, --facts.');
  }
  if (facts !== undefined && !options.average) throw new EngineError('input', '--facts goes with --average.');
  await withWorkbench(options, {}, async (bench) => {
    let result: unknown;
    if (facts !== undefined) result = await averageFacts(bench, facts, settings, progress);
    else {
      const prompts = parseTracePrompts(await readJson(options.prompts!));
      result = await (options.average ? averagePrompts : tracePrompts)(bench, prompts, settings, progress);
    }
    await writeJson(options.out, result);
    process.stderr.write(`Wrote ${options.out}.\n`);
  });
}

interface EvaluationOptions {
  model: string;
  out: string;
  backend: BackendName;
  seed: number;
  generate: boolean;
  references?: string;
  cases?: string;
}

async function evaluate(options: EvaluationOptions & { records: string; patch: string[] }): Promise<void> {
  const patches = await Promise.all(options.patch.map(readPatch));
  const generation = await generationOf(options);
  await withWorkbench(options, {}, async (bench) => {
    const records = await readRecords(options.records, bench);
    const fitted = fit(bench, records, null);
    await writeEvaluation(options, await evaluatePatches(bench, fitted, patches, generation, showCount));
    process.stderr.write(`Wrote ${options.out}: ${fitted.records.length} records.\n`);
  });
}

async function benchmarkRun(
  options: EvaluationOptions & { records?: string; edits: number; layers?: number[] },
): Promise<void> {
  const generation = await generationOf(options);
  await withWorkbench(options, {}, async (bench) => {
    const records = await readRecords(options.records ?? join(options.model, 'benchmark.json'), bench);
    const drawn = drawRecords(records, options.edits, options.seed);
    const preset = bench.preset.settings;
    const settings = { ...preset, layers: options.layers ?? preset.layers, seed: options.seed };
    const fitted = fit(bench, drawn, await bench.contexts(settings.seed));
    const { patch, evaluation } = await benchmark(bench, fitted, settings, generation, showCount);
    await writeEvaluation(options, evaluation, { settings: patch.settings, contexts: patch.contexts });
    process.stderr.write(`Wrote ${options.out}: ${fitted.records.length} edits.\n`);
  });
}

async function damage(options: {
  model: string;
  patch: string[];
  facts: number;
  seed: number;
  out: string;
  backend: BackendName;
}): Promise<void> {
  const patches = await Promise.all(options.patch.map(readPatch));
  await withWorkbench(options, {}, async (bench) => {
    for (const patch of patches) bench.add(patch);
    const { sample, perplexityBefore, steps } = await bench.damage(
      { count: options.facts, seed: options.seed },
      {},
      (done, total) => {
        showCount('damage', done, total);
      },
    );
    const { questions, sentences, population } = sample;
    await writeJson(options.out, {
      model: bench.name,
      model_hash: bench.hash,
      facts: questions.length,
      population,
      sentences: sentences.length,
      perplexity_before: perplexityBefore,
      patches: steps.map((step) => ({
        name: step.name,
        kept: step.damage.kept,
        kept_overall: step.damage.keptOverall,
        relations: step.damage.relations,
        perplexity: step.damage.perplexity,
        kl_divergence: step.damage.divergence,
      })),
    });
    process.stderr.write(
      `Wrote ${options.out}: ${questions.length} facts asked after ${steps.length === 1 ? 'one patch' : `${steps.length} patches`}.\n`,
    );
  });
}

/** One file, and a folder of the reference's own files where that is wanted. */
async function writeEvaluation({ out, cases }: EvaluationOptions, evaluation: Evaluation, more = {}): Promise<void> {
  await writeJson(out, { ...more, ...referenceForm(evaluation) });
  if (cases === undefined) return;
  await mkdir(cases, { recursive: true });
  for (const { name, content } of caseFiles(evaluation)) await writeFile(join(cases, name), content);
}

/** What texts are to be written, or null. */
async function generationOf({ generate, references, seed }: EvaluationOptions): Promise<GenerationOptions | null> {
  if (!generate) {
    if (references !== undefined) throw new EngineError('input', '--references goes with --generate.');
    return null;
  }
  return { seed, references: references === undefined ? null : ReferenceTexts.parse(await readText(references)) };
}

/** Says on standard error which records are left out, or not whole, and why. */
async function readRecords(file: string, { facts }: Workbench): Promise<EvaluationRecord[]> {
  const { records, faults, notes } = importRecords(await readText(file), { facts });
  for (const { record, reason } of faults) process.stderr.write(`Record ${record} is left out: ${reason}\n`);
  for (const { record, reason } of notes) process.stderr.write(`Record ${record}: ${reason}\n`);
  return records;
}

/** The same of what the model cannot be asked. */
function fit(
  bench: Workbench,
  records: readonly EvaluationRecord[],
  contexts: readonly string[] | null,
): FittedRecords {
  const fitted = fitRecords(bench, records, contexts);
  for (const { caseId, reason } of fitted.leftOut) process.stderr.write(`Case ${caseId}: left out ${reason}\n`);
  return fitted;
}

async function readPatch(file: string): Promise<Patch> {
  const bytes = await readFile(file).catch(() => {
    throw new EngineError('input', `“${file}” cannot be read.`);
  });
  return readPatchFile(bytes);
}

async function statistics(options: {
  model: string;
  text: string;
  layers?: number[];
  out: string;
  backend: BackendName;
}): Promise<void> {
  const text = await readText(options.text);
  await withWorkbench(options, { ignoreShipped: true }, async (bench) => {
    const layers = options.layers ?? bench.preset.settings.layers;
    const documents = text.split('\n').map((line) => bench.tokenizer.encode(line, { special: false }));
    const moments = await computeSecondMoments(bench.model, documents, layers, {
      onProgress: (done, total) => {
        showPhase('statistics', done, total, `${done} of ${total} tokens`);
      },
    });
    const matrices = new Map<number, Float32Array>();
    let tokens = 0;
    for (const [layer, moment] of moments) {
      matrices.set(layer, await readFloats(bench.model.runtime.device, moment.matrix));
      moment.matrix.dispose();
      tokens = moment.tokens;
    }
    const file = { modelHash: bench.hash, textHash: await sha256(text), tokens, layers: matrices };
    await writeFile(options.out, await writeStatistics(file, bench.model.config.intermediateSize));
    process.stderr.write(`Wrote ${options.out}: layers ${layers.join(', ')} over ${tokens} tokens.\n`);
  });
}

/** The run in the reference's words, one entry per edit and per layer. */
function reportOf(patch: Patch, bench: Workbench): unknown {
  const report = runReportSchema.parse(patch.report);
  return {
    model: patch.modelName,
    model_hash: patch.modelHash,
    backend: report.backend,
    settings: patch.settings,
    contexts: patch.contexts,
    statistics_tokens: report.statisticsTokens,
    edits: patch.requests.map((request, edit) => {
      const steps = report.losses.filter((loss) => loss.edit === edit);
      const last = steps[steps.length - 1];
      return {
        case_id: request.caseId ?? edit,
        prompt: request.prompt,
        subject: request.subject,
        target_new: request.targetNew,
        steps: steps.map(({ step, loss, nll, kl, decay }) => ({ step, loss, nll, kl, decay })),
        delta_norm: last.deltaNorm,
        h0_norm: last.initialNorm,
      };
    }),
    layers: report.layers.map((layer) => ({
      layer: layer.layer,
      tensor: bench.model.family.editable(layer.layer).tensor,
      relative_residual: layer.relativeResidual,
      update_norm: layer.updateNorm,
      weight_norm: layer.weightNorm,
      mean_residual: layer.meanResidual,
      seconds: layer.seconds,
    })),
    seconds: report.seconds,
  };
}

async function withWorkbench(
  { model, backend }: { model: string; backend: BackendName },
  options: OpenOptions,
  body: (bench: Workbench) => Promise<void>,
): Promise<void> {
  const host = await startNodeBackend(backend);
  if (host.note !== null) process.stderr.write(`${host.note}\n`);
  try {
    const bench = await Workbench.open(folderFiles(model), host, options);
    try {
      await body(bench);
    } finally {
      await bench.dispose();
    }
  } finally {
    await host.dispose();
  }
}

let shownPhase = '';

/** One line per phase, rewritten in place on a terminal. */
function showPhase(phase: string, done: number, total: number, detail: string): void {
  if (!process.stderr.isTTY) {
    if (shownPhase !== phase) process.stderr.write(`${phase} …\n`);
    shownPhase = phase;
    return;
  }
  const share = Math.round((100 * done) / Math.max(1, total));
  process.stderr.write(`\r\x1b[K${phase} ${share} % ${detail}${done >= total ? '\n' : ''}`);
}

function showCount(phase: string, done: number, total: number): void {
  showPhase(phase, done, total, `${done} of ${total}`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new EngineError('input', `“${path}” cannot be read.`);
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch {
    throw new EngineError('input', `“${path}” is not valid JSON.`);
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

function parse<T>(schema: z.ZodType<T>, path: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EngineError('input', `${basename(path)}: ${issue.path.join('.')} ${issue.message}`);
}

function parseLayers(value: string): number[] {
  const layers = value.split(',').map((part) => Number(part.trim()));
  if (layers.some((layer) => !Number.isInteger(layer) || layer < 0)) {
    throw new InvalidArgumentError('Layers are whole numbers with commas between, such as 1,2,3.');
  }
  return layers;
}

function parseSeed(value: string): number {
  const seed = Number(value);
  if (!Number.isInteger(seed) || seed < 0) throw new InvalidArgumentError('The seed is a whole number, 0 or more.');
  return seed;
}

function parseTraceSeed(value: string): number | 'numpy1' {
  return value === 'numpy1' ? value : parseSeed(value);
}

function parseCount(value: string): number {
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('Write a whole number, 1 or more.');
  return count;
}

function parseNoise(value: string): number {
  const noise = Number(value);
  if (!(noise > 0)) throw new InvalidArgumentError('The noise is a standard deviation above 0.');
  return noise;
}

function parseKinds(value: string): TraceKind[] {
  return value.split(',').map((part) => {
    const name = part.trim();
    if (!(name in KINDS))
      throw new InvalidArgumentError(`Kinds are ${Object.keys(KINDS).join(', ')}, with commas between.`);
    return KINDS[name];
  });
}

/** Paths are meant from where the user called npm, not from the project's folder npm changes to. */
function path(value: string): string {
  return resolve(process.env.INIT_CWD ?? '.', value);
}

function collectPaths(value: string, before: string[]): string[] {
  return [...before, path(value)];
}

function program(): Command {
  const root = new Command('memit').description('Edit facts inside a language model with MEMIT.');
  const backend = (): Option =>
    new Option('--backend <name>', 'what runs the model').choices(['wasm', 'webgpu']).default('wasm');
  const command = (name: string, description: string): Command =>
    root
      .command(name)
      .description(description)
      .requiredOption('--model <dir>', 'model folder in Hugging Face layout', path)
      .addOption(backend());
  command('edit', 'run MEMIT and write the edited model')
    .requiredOption('--requests <file>', 'JSON list of requests in the form of the reference', path)
    .requiredOption('--out <dir>', 'where the edited model goes', path)
    .option('--layers <a,b,c>', 'layers to edit; the preset of the model when absent', parseLayers)
    .option('--seed <n>', 'seed of the context templates', parseSeed)
    .option('--contexts <file>', 'JSON list of context templates, "{}" first', path)
    .option('--stats <dir>', 'reads the covariances from here, or computes and writes them', path)
    .option('--report <file>', 'writes losses, norms, residuals and timings as JSON', path)
    .action(edit);
  command('predict', 'write the most probable next tokens of prompts')
    .requiredOption('--prompts <file>', 'JSON list of prompts', path)
    .requiredOption('--out <file>', 'where the answers go', path)
    .action(predict);
  command('trace', 'causal trace: which states bring the answer back when the subject is corrupted')
    .option('--prompts <file>', 'JSON list in the form of known_1000: prompt, subject, attribute', path)
    .option('--average', 'effects averaged over the prompts, by position class', false)
    .option('--facts <n>', 'average over this many facts the model knows instead of prompts', parseCount)
    .option('--kinds <a,b,c>', 'hidden, mlp, attn', parseKinds, [...TRACE_DEFAULTS.kinds])
    .option('--severed', 'also hidden states with MLPs and with attention severed', false)
    .option('--samples <n>', 'corrupted runs', parseCount, TRACE_DEFAULTS.samples)
    .option('--window <n>', 'layers restored together, of the kinds mlp and attn', parseCount, TRACE_DEFAULTS.window)
    .option('--noise <s>', 'standard deviation; three times that of the subjects’ embeddings when absent', parseNoise)
    .option('--seed <n>', 'seed of the noise, or numpy1 for RandomState(1)', parseTraceSeed, TRACE_DEFAULTS.seed)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path)
    .action(trace);
  const evaluation = (name: string, description: string): Command =>
    command(name, description)
      .option('--generate', 'also let the model write texts: fluency (GE) and consistency (RS)', false)
      .option(
        '--references <file>',
        'texts about the new objects, for RS: attribute_snippets.json or object, text',
        path,
      )
      .option('--seed <n>', 'seed of every draw', parseSeed, 0)
      .option('--cases <dir>', 'also writes a file a case there, for the reference’s summarize.py', path)
      .requiredOption('--out <file>', 'where the result goes, as JSON', path);
  evaluation('evaluate', 'the metrics of CounterFact or zsRE on records, with patches or without')
    .requiredOption('--records <file>', 'CounterFact, zsRE or EasyEdit JSON, JSON lines, CSV or TSV', path)
    .option('--patch <file>', 'patch to evaluate, once per patch', collectPaths, [])
    .action(evaluate);
  evaluation('benchmark', 'draw records, edit them in one run, and evaluate before and after')
    .option('--records <file>', 'the same; benchmark.json of the model when absent', path)
    .option('--edits <n>', 'how many records', parseCount, 10)
    .option('--layers <a,b,c>', 'layers to edit; the preset of the model when absent', parseLayers)
    .action(benchmarkRun);
  command('damage', 'what patches did to everything else, one after the other')
    .requiredOption('--patch <file>', 'patch to measure, once per patch', collectPaths, [])
    .option(
      '--facts <n>',
      'about how many facts that were not edited are asked, a third at each distance',
      parseCount,
      300,
    )
    .option('--seed <n>', 'seed of the draw', parseSeed, 0)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path)
    .action(damage);
  command('statistics', 'compute the covariances of layers over a text')
    .requiredOption('--text <file>', 'text, one document a line', path)
    .requiredOption('--out <file>', 'where the statistics file goes', path)
    .option('--layers <a,b,c>', 'layers; those of the preset when absent', parseLayers)
    .action(statistics);
  root.commands.forEach((each) => each.exitOverride());
  return root.exitOverride();
}

async function main(): Promise<number> {
  try {
    await program().parseAsync();
    return 0;
  } catch (error) {
    // Commander has printed its own line already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const message = error instanceof Error ? error.message : String(error);
    const next = error instanceof EngineError && error.next !== '' ? ` ${error.next}` : '';
    process.stderr.write(`memit: ${message}${next}\n`);
    return error instanceof EngineError && INPUT_CODES.includes(error.code) ? 2 : 1;
  }
}

// onnxruntime's threads would keep the process alive.
process.exit(await main());
