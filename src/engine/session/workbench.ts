/**
 * One open model and everything done with it: its tokenizer and facts, the patch stack, statistics, context templates.
 * The worker and the command line drive this; it owns what it puts on the device.
 */
import { z } from 'zod';
import { EngineError, ModelError, RequestError } from '../errors.ts';
import { generateContexts, validateContexts } from '../targets/contexts.ts';
import { checkpoint, type Job } from '../job.ts';
import { runMemit, validateRequests } from '../methods/memit/memit.ts';
import type { Patch } from '../patches/patch.ts';
import { applyPatches, PatchStack, type StackEntry } from '../patches/patch-stack.ts';
import type { LayerOutcome, RunReport, StepLosses } from '../methods/report.ts';
import {
  defaultSettings,
  memitSettingsSchema,
  validateSettings,
  type MemitSettings,
} from '../methods/memit/settings.ts';
import { compareEdits, comparePrompt, type Comparison, type FreeComparison } from '../evaluation/compare.ts';
import { topNextTokens } from '../evaluation/score.ts';
import type { RankedToken } from '../model/sampling.ts';
import { exportFileName } from '../exporting/file-name.ts';
import { exportModel } from '../exporting/model-export.ts';
import { hashModel } from '../weights/model-hash.ts';
import { assertPatchFits } from '../patches/patch-file.ts';
import { familyOf, LanguageModel } from '../model/language-model.ts';
import type { EditedWeights, WeightSet } from '../model/weight-set.ts';
import type { LinearAlgebra } from '../linalg/linear-algebra.ts';
import { readFloats } from '../runtime/device.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { Covariances, type StatisticsStore } from '../statistics/covariances.ts';
import { readStatistics } from '../statistics/statistics-file.ts';
import { FactList } from '../tokens/fact-list.ts';
import type { EditRequest } from '../tokens/request.ts';
import { ModelTokenizer } from '../tokens/tokenizer.ts';
import { Tracer } from '../tracing/tracer.ts';
import { type Damage, DamageMeter, type DamageSample, drawDamageSample } from '../evaluation/damage.ts';
import { importRecords } from '../evaluation/import.ts';
import type { EvaluationRecord } from '../evaluation/records.ts';
import type { ModelFiles } from '../sources/model-files.ts';
import { readSafetensors, type SafetensorsFile } from '../weights/safetensors.ts';
import type { FileParts } from '../weights/safetensors-writer.ts';

/** What runs the model: the graphs' runtime, the kernels, and a name for both. */
export interface Backend {
  readonly runtime: Runtime;
  readonly linalg: LinearAlgebra;
  /** "NVIDIA RTX 4090" or "WASM, 2 threads". */
  readonly name: string;
}

export interface OpenProgress {
  readonly stage: 'Downloading' | 'Preparing the model' | 'Reading statistics';
  readonly file: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface OpenOptions {
  readonly statisticsStore?: StatisticsStore;
  /** Leave aside the statistics that came with the model. */
  readonly ignoreShipped?: boolean;
  readonly onProgress?: (progress: OpenProgress) => void;
  readonly signal?: AbortSignal;
}

/** memit.json beside a model: how it is best edited. */
const editingNotesSchema = z.object({
  preset: memitSettingsSchema.optional(),
  presetNote: z.string().optional(),
  statistics: z.object({ file: z.string().optional(), text: z.string().optional() }).optional(),
  examples: z.array(z.object({ subject: z.string(), relationId: z.string(), object: z.string() })).default([]),
});

export type EditingNotes = z.infer<typeof editingNotesSchema>;

export type RunPhase = 'contexts' | 'statistics' | 'targets' | 'spread';

export interface RunProgress {
  onPhase?: (phase: RunPhase, done: number, total: number, detail: string) => void;
  onLosses?: (losses: readonly StepLosses[]) => void;
  onLayer?: (outcome: LayerOutcome) => void;
}

export class Workbench {
  readonly name: string;
  readonly hash: string;
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  readonly facts: FactList | null;
  readonly file: SafetensorsFile;
  readonly backend: Backend;
  readonly notes: EditingNotes;
  readonly covariances: Covariances;
  readonly tracer: Tracer;
  readonly #files: ModelFiles;
  #records: readonly EvaluationRecord[] | null = null;
  #stack = new PatchStack();
  /** Weights of the enabled patches, and which patches those were. */
  #current: { key: string; weights: EditedWeights } | null = null;
  readonly #contexts = new Map<number, readonly string[]>();

  private constructor(parts: {
    name: string;
    hash: string;
    model: LanguageModel;
    tokenizer: ModelTokenizer;
    facts: FactList | null;
    file: SafetensorsFile;
    backend: Backend;
    notes: EditingNotes;
    covariances: Covariances;
    files: ModelFiles;
  }) {
    this.name = parts.name;
    this.hash = parts.hash;
    this.model = parts.model;
    this.tokenizer = parts.tokenizer;
    this.facts = parts.facts;
    this.file = parts.file;
    this.backend = parts.backend;
    this.notes = parts.notes;
    this.covariances = parts.covariances;
    this.#files = parts.files;
    this.tracer = new Tracer(parts.model, parts.tokenizer, parts.facts);
  }

  /**
   * Opens a model folder: config.json, tokenizer.json, model.safetensors; and where they are there tokenizer_config.json,
   * facts.json (what the model knows), memit.json (preset, statistics, examples).
   * @throws ModelError, SafetensorsError, DownloadError, CancelledError
   */
  static async open(files: ModelFiles, backend: Backend, options: OpenOptions = {}): Promise<Workbench> {
    const { onProgress, signal } = options;
    const configText = await files.readText('config.json', signal);
    const config = parseJson(configText, 'config.json');
    const tokenizer = ModelTokenizer.create(
      await files.readText('tokenizer.json', signal),
      (await files.optionalText('tokenizer_config.json', signal)) ?? '{}',
    );
    const factsText = await files.optionalText('facts.json', signal);
    const notes = parseNotes(await files.optionalText('memit.json', signal));
    const source = await files.open(
      'model.safetensors',
      ({ file, loaded, total }) => onProgress?.({ stage: 'Downloading', file, loadedBytes: loaded, totalBytes: total }),
      signal,
    );
    const file = await readSafetensors(source, signal);
    const family = familyOf(config, new Set(file.tensors.map(({ name }) => name)));
    const hash = await hashModel(file, configText, signal);
    const model = await LanguageModel.load(
      family,
      file,
      backend.runtime,
      backend.linalg,
      (done, total) => {
        const loadedBytes = Math.round((source.size * done) / total);
        onProgress?.({ stage: 'Preparing the model', file: source.name, loadedBytes, totalBytes: source.size });
      },
      signal,
    );
    try {
      const { intermediateSize } = model.config;
      let shipped = null;
      if (notes.statistics?.file !== undefined && !options.ignoreShipped) {
        const bytes = await files.open(
          notes.statistics.file,
          ({ file: name, loaded, total }) =>
            onProgress?.({ stage: 'Reading statistics', file: name, loadedBytes: loaded, totalBytes: total }),
          signal,
        );
        shipped = await readStatistics(bytes, hash, intermediateSize);
      }
      const text = await files.optionalText(notes.statistics?.text ?? 'statistics.txt', signal);
      const sources = { modelHash: hash, tokenizer, text, shipped, store: options.statisticsStore ?? null };
      return new Workbench({
        name: files.name,
        hash,
        model,
        tokenizer,
        facts: factsText === null ? null : FactList.parse(factsText),
        file,
        backend,
        notes,
        covariances: new Covariances(model, sources),
        files,
      });
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  get stack(): PatchStack {
    return this.#stack;
  }

  /**
   * The records that came with the model (benchmark.json), read when they are first wanted; empty where there are none.
   * @throws EngineError ('input') when the file holds none that can be used; DownloadError, CancelledError
   */
  async records(signal?: AbortSignal): Promise<readonly EvaluationRecord[]> {
    if (!this.#records) {
      const text = await this.#files.optionalText('benchmark.json', signal);
      this.#records = text === null ? [] : importRecords(text).records;
    }
    return this.#records;
  }

  /** The model's preset: its own, else the published one for its size, else a cautious guess (and which of these it is). */
  get preset(): { settings: MemitSettings; note: string } {
    const { modelType, hiddenSize, layerCount } = this.model.config;
    if (this.notes.preset)
      return { settings: this.notes.preset, note: this.notes.presetNote ?? 'Chosen for this model.' };
    const { settings, note } = defaultSettings(modelType, hiddenSize, layerCount);
    return { settings, note };
  }

  /** Puts back a saved stack. @throws PatchError when a patch belongs to another model. */
  restore(entries: readonly StackEntry[]): void {
    for (const { patch } of entries) this.assertFits(patch);
    this.#stack = new PatchStack(entries);
  }

  /** Puts a patch from elsewhere on the stack. @throws PatchError when it belongs to another model. */
  add(patch: Patch): void {
    this.assertFits(patch);
    this.#stack.push(patch);
  }

  /** @throws PatchError */
  assertFits(patch: Patch): void {
    const tensors = new Map(this.file.tensors.map(({ name, shape }) => [name, shape]));
    assertPatchFits(patch, { hash: this.hash, name: this.name, tensors });
  }

  /** Base + enabled patches; stays the workbench's, valid until the stack changes. */
  async weights(): Promise<WeightSet> {
    const enabled = this.#stack.enabled;
    const key = enabled.map(({ id }) => id).join();
    if (this.#current?.key !== key) {
      const weights = await applyPatches(this.model, enabled);
      this.#current?.weights.dispose();
      this.#current = { key, weights };
    }
    return this.#current.weights;
  }

  /** Top next tokens of the model as it is now. */
  async predict(prompts: readonly string[], signal?: AbortSignal): Promise<RankedToken[][]> {
    const rows = prompts.map((prompt) => this.promptIds(prompt));
    return topNextTokens(this.model, await this.weights(), rows, signal);
  }

  /** Token ids of a prompt as the model reads it. @throws RequestError when empty or longer than the context. */
  promptIds(prompt: string): number[] {
    const ids = this.tokenizer.encode(prompt, { special: true });
    if (ids.length === 0) throw new RequestError('prompt', 'The prompt is empty.');
    if (ids.length > this.model.config.contextLength) {
      throw new RequestError(
        'prompt',
        `The prompt takes ${ids.length} tokens; the model reads ${this.model.config.contextLength}.`,
      );
    }
    return ids;
  }

  /**
   * Runs MEMIT on top of the enabled patches and returns the patch; the stack is not touched.
   * @param contexts used instead of those the model writes with the settings' seed
   * @param unedited starts from the model as it came, not from the enabled patches
   */
  async edit(
    requests: readonly EditRequest[],
    wanted: MemitSettings,
    {
      job = {},
      contexts,
      unedited = false,
      progress = {},
    }: { job?: Job; contexts?: readonly string[]; unedited?: boolean; progress?: RunProgress } = {},
  ): Promise<Patch> {
    const settings = validateSettings(wanted, this.model.config.layerCount);
    // Before the contexts and the statistics, which can take minutes.
    validateRequests(requests, this.tokenizer, this.model.config.contextLength);
    const seconds = { contexts: 0, statistics: 0, targets: 0, spread: 0 };
    const clock = stopwatch();

    progress.onPhase?.('contexts', 0, 1, '');
    const templates = contexts ? validateContexts(contexts) : await this.contexts(settings.seed, job.signal);
    await checkpoint(job);
    seconds.contexts = clock();
    progress.onPhase?.('contexts', 1, 1, `${templates.length} context templates`);

    await this.covariances.prepare(settings.layers, {
      signal: job.signal,
      onProgress: async (done, total) => {
        progress.onPhase?.(
          'statistics',
          done,
          total,
          `${done.toLocaleString('en')} of ${total.toLocaleString('en')} tokens`,
        );
        await checkpoint(job);
      },
    });
    seconds.statistics = clock();
    progress.onPhase?.('statistics', 1, 1, `${this.covariances.tokens.toLocaleString('en')} tokens`);

    const total = requests.length * settings.steps;
    const stepDetail = ([first]: readonly StepLosses[], finished: number): string =>
      `step ${first.step + 1}, ${finished} of ${requests.length} edits done`;
    const losses: StepLosses[] = [];
    let evaluated = 0;
    let layers = 0;
    const result = await runMemit(
      {
        model: this.model,
        tokenizer: this.tokenizer,
        weights: unedited ? this.model.weights : await this.weights(),
        requests,
        contexts: templates,
        settings,
        covarianceOf: this.covariances.covarianceOf,
        factorOf: this.covariances.factorOf,
      },
      job,
      {
        onTargets: (step, finished) => {
          losses.push(...step);
          evaluated = Math.max(evaluated + step.length, finished * settings.steps);
          progress.onPhase?.('targets', Math.min(evaluated, total), total, stepDetail(step, finished));
          progress.onLosses?.(step);
        },
        onLayer: (outcome) => {
          layers += 1;
          progress.onPhase?.('spread', layers, settings.layers.length, `layer ${outcome.layer}`);
          progress.onLayer?.(outcome);
        },
      },
    );
    Object.assign(seconds, result.seconds);
    const report: RunReport = {
      losses,
      layers: result.outcomes,
      statisticsTokens: this.covariances.tokens,
      backend: this.backend.name,
      seconds,
    };
    return {
      id: crypto.randomUUID(),
      name: patchName(requests),
      createdAt: new Date().toISOString(),
      modelHash: this.hash,
      modelName: this.name,
      method: 'memit',
      requests: [...requests],
      settings,
      contexts: [...templates],
      layers: result.updates,
      report,
    };
  }

  /** Context templates of a seed: drawn from the unedited model once, then kept. */
  async contexts(seed: number, signal?: AbortSignal): Promise<readonly string[]> {
    const known = this.#contexts.get(seed);
    if (known) return known;
    const drawn = await generateContexts(this.model, this.model.weights, this.tokenizer, seed, signal);
    this.#contexts.set(seed, drawn);
    return drawn;
  }

  /** The patch's edits without it and with it, the other enabled patches in place both times. */
  async compare(
    patchId: string,
    options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
  ): Promise<Comparison> {
    const { patch } = this.#stack.entry(patchId);
    const entries = this.#stack.entries;
    const without = entries.filter((entry) => entry.enabled && entry.patch !== patch).map((entry) => entry.patch);
    const including = entries.filter((entry) => entry.enabled || entry.patch === patch).map((entry) => entry.patch);
    const before = await applyPatches(this.model, without);
    try {
      const after = await applyPatches(this.model, including);
      try {
        return await compareEdits(this, patch.requests, before, after, options);
      } finally {
        after.dispose();
      }
    } finally {
      before.dispose();
    }
  }

  /** A free prompt: the unedited model beside the model as it is now. */
  async compareFree(prompt: string, signal?: AbortSignal): Promise<FreeComparison> {
    this.promptIds(prompt);
    return comparePrompt(this, prompt, this.model.weights, await this.weights(), signal);
  }

  /**
   * Damage along the enabled patches: with the first of them, with the first two, and so on. `count` facts are asked, and the sentences
   * that came with the model (held-out.txt).
   * @throws EngineError ('input') when no patch is enabled; DownloadError, CancelledError
   */
  async damage(
    { count, seed }: { count: number; seed: number },
    job: Job = {},
    onProgress: (done: number, total: number) => void = () => undefined,
  ): Promise<{ sample: DamageSample; perplexityBefore: number | null; steps: { name: string; damage: Damage }[] }> {
    const entries = this.#stack.entries.filter(({ enabled }) => enabled);
    if (entries.length === 0) {
      throw new EngineError('input', 'No patch is switched on: the model is as it came.', {
        next: 'Run an edit first.',
      });
    }
    const text = (await this.#files.optionalText('held-out.txt', job.signal)) ?? '';
    const sentences = text.split(/\r?\n/).filter((line) => line.trim() !== '');
    const requests = entries.flatMap(({ patch }) => patch.requests);
    const sample = drawDamageSample(this.facts, requests, sentences, count, seed);
    if (sample.questions.length + sentences.length === 0) {
      throw new EngineError(
        'input',
        'There is nothing to measure damage by: this model has neither facts.json nor held-out.txt.',
      );
    }
    const total = entries.length + 1;
    onProgress(0, total);
    const meter = await DamageMeter.open(this.model, this.tokenizer, this.model.weights, sample, job);
    const steps: { name: string; damage: Damage }[] = [];
    for (const [i, { name }] of entries.entries()) {
      onProgress(i + 1, total);
      const weights = await applyPatches(
        this.model,
        entries.slice(0, i + 1).map(({ patch }) => patch),
      );
      try {
        steps.push({ name, damage: await meter.measure(weights, job) });
      } finally {
        weights.dispose();
      }
    }
    onProgress(total, total);
    return { sample, perplexityBefore: meter.perplexityBefore, steps };
  }

  /** The weights of the enabled patches as a safetensors file. @throws EngineError ('export') */
  async export(scope: 'full' | 'changed', dtype: 'source' | 'F32'): Promise<{ name: string; parts: FileParts }> {
    const weights = (await this.weights()) as EditedWeights;
    const changed = new Map<string, Float32Array>();
    for (const name of weights.names) {
      changed.set(name, await readFloats(this.model.runtime.device, weights.get(name)));
    }
    const edits = this.#stack.entries.filter(({ enabled }) => enabled).map(({ name }) => name);
    const name = exportFileName({ model: this.name, edits, kind: scope });
    return { name, parts: exportModel({ file: this.file, changed, scope, dtype }) };
  }

  async dispose(): Promise<void> {
    this.#current?.weights.dispose();
    this.#current = null;
    this.covariances.dispose();
    await this.model.dispose();
  }
}

/** "Danielle Darrieux → English and 2 more". */
function patchName(requests: readonly EditRequest[]): string {
  const [first] = requests;
  const more = requests.length > 1 ? ` and ${requests.length - 1} more` : '';
  return `${first.subject} → ${first.targetNew.trim()}${more}`;
}

/** Seconds since the last call. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelError(`${file} is not valid JSON.`, { cause });
  }
}

function parseNotes(text: string | null): EditingNotes {
  const parsed = editingNotesSchema.safeParse(text === null ? {} : parseJson(text, 'memit.json'));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ModelError(`memit.json: ${issue.path.join('.')} ${issue.message}`);
}
