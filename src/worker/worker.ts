/** The worker: owns the model and runs every command of {@link WorkerApi}, one at a time. */
import * as Comlink from 'comlink';
import { CancelledError, EngineError, throwIfCancelled } from '../engine/errors.ts';
import type { Job } from '../engine/job.ts';
import { assess, type Assessment } from '../engine/evaluation/assessment.ts';
import { drawKnownRecords, drawRecords, requestOf } from '../engine/evaluation/benchmark.ts';
import { fitRecords } from '../engine/evaluation/fitting.ts';
import { importRecords, tableColumns } from '../engine/evaluation/import.ts';
import type { EvaluationRecord } from '../engine/evaluation/records.ts';
import { ReferenceTexts } from '../engine/evaluation/reference-texts.ts';
import { readPatchFile, writePatchFile } from '../engine/patches/patch-file.ts';
import { exportFileName } from '../engine/exporting/file-name.ts';
import type { WeightSet } from '../engine/model/weight-set.ts';
import { FactList } from '../engine/tokens/fact-list.ts';
import { httpFiles, localFiles } from '../engine/sources/model-files.ts';
import { blobSource } from '../engine/weights/byte-source.ts';
import { toBlob } from '../engine/weights/safetensors-writer.ts';
import { Workbench } from '../engine/session/workbench.ts';
import type { AverageTraceView, TraceSettings, TraceView } from './trace-api.ts';
import {
  API_VERSION,
  type HistoryState,
  type ModelSummary,
  type RunPhase,
  type WorkerApi,
  type WorkerFailure,
} from './api.ts';
import { startBackend, type BrowserBackend } from './backend.ts';
import type { RecordSource } from './benchmark-api.ts';
import { benchmarkReport, recordSetView } from './benchmark-views.ts';
import { BrowserStorage } from './storage.ts';
import { emptyTraceView, finishedTraceView, tokenEvent } from './trace-views.ts';
import {
  addPredictions,
  failureOf,
  historyView,
  inspectDraft,
  layerView,
  relationViews,
  requestOf as requestOfDraft,
  stepView,
} from './views.ts';

const storage = new BrowserStorage();
let workbench: Workbench | null = null;
let backend: BrowserBackend | null = null;
let lostMessage: string | null = null;
/** Of the command that runs and of those waiting. */
const controllers = new Set<AbortController>();
let queue: Promise<unknown> = Promise.resolve();
/** Read last, for a benchmark to come. */
let imported: { name: string; records: readonly EvaluationRecord[] } | null = null;
let references: ReferenceTexts | null = null;

/** Runs `body` after the commands before it, whether they succeeded or not. */
function inTurn<T>(body: (job: Job) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  controllers.add(controller);
  const turn = queue.then(async () => {
    try {
      throwIfCancelled(controller.signal);
      return await body({ signal: controller.signal, yieldToEventLoop });
    } catch (error) {
      if (controller.signal.aborted && !(error instanceof CancelledError)) throw new CancelledError();
      if (lostMessage !== null) throw deviceLost(lostMessage, error);
      throw error;
    } finally {
      controllers.delete(controller);
    }
  });
  queue = turn.catch(() => undefined);
  return turn;
}

function withModel<T>(body: (bench: Workbench, job: Job) => Promise<T>): Promise<T> {
  return inTurn((job) => {
    if (!workbench) throw new EngineError('model', 'No model is open.', { next: 'Open the demo model or your own.' });
    return body(workbench, job);
  });
}

/** Changes the stack and saves it. A change that fails leaves the stack as it was; one that cannot be saved stays in effect. */
function changeHistory(change: (bench: Workbench, job: Job) => void | Promise<void>): Promise<HistoryState> {
  return withModel(async (bench, job) => {
    await change(bench, job);
    const unsaved = await failureIn(storage.saveHistory(bench.hash, bench.stack.entries));
    return historyView(bench, unsaved);
  });
}

/** What went wrong in `work`, for a notice, or null. */
async function failureIn(work: Promise<void>): Promise<WorkerFailure | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return failureOf(error);
  }
}

/** A turn of the event loop, so that a cancel message is heard between two steps. */
function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function deviceLost(message: string, cause: unknown): EngineError {
  return new EngineError('device-lost', `The GPU was lost: ${message}`, {
    cause,
    kept: 'Your edits and finished patches are stored in this browser.',
    next: 'Load the model again; if it keeps happening, open the page with ?backend=wasm.',
  });
}

/** Time left from the share of the phase that is done; the first hundredth is too noisy to go by. */
function estimator(): (phase: string, done: number, total: number) => number | null {
  const starts = new Map<string, number>();
  return (phase, done, total) => {
    const now = performance.now();
    const start = starts.get(phase) ?? now;
    starts.set(phase, start);
    const share = done / total;
    if (share >= 1) return 0;
    return share > 0.01 ? ((now - start) / 1000) * (1 / share - 1) : null;
  };
}

function summaryOf(
  bench: Workbench,
  { report }: BrowserBackend,
  unsaved: WorkerFailure | null,
): Omit<ModelSummary, 'averageTrace'> {
  const { config } = bench.model;
  const { settings, note } = bench.preset;
  const floats = bench.file.tensors.filter(({ dtype }) => ['F16', 'BF16', 'F32'].includes(dtype));
  return {
    name: bench.name,
    hash: bench.hash,
    architecture: config.modelType,
    parameters: floats.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0),
    bytes: bench.file.source.size,
    dtype: floats[0]?.dtype ?? '',
    layerCount: config.layerCount,
    hiddenSize: config.hiddenSize,
    intermediateSize: config.intermediateSize,
    vocabularySize: config.vocabularySize,
    contextLength: config.contextLength,
    backend: report,
    relations: relationViews(bench),
    preset: settings,
    presetNote: note,
    examples: bench.notes.examples.map((example, i) => ({ id: `example-${i + 1}`, prompt: '', ...example })),
    history: historyView(bench, unsaved),
  };
}

/** The records of a benchmark and what they are called. */
async function recordsOf(
  bench: Workbench,
  source: RecordSource,
  job: Job,
): Promise<{ title: string; seed: number; records: readonly EvaluationRecord[] }> {
  if (source.kind === 'imported') {
    if (!imported) throw new EngineError('input', 'No records are imported.', { next: 'Import a file of records.' });
    const { name, records } = imported;
    const all = source.count >= records.length;
    return {
      title: all ? name : `${source.count} of ${name}`,
      seed: source.seed,
      records: all ? records : drawRecords(records, source.count, source.seed),
    };
  }
  const { model, tokenizer } = bench;
  const { count, seed } = source;
  const shipped = await bench.records(job.signal);
  if (shipped.length === 0) {
    throw new EngineError('input', 'This model came without records of facts it knows (benchmark.json).', {
      next: 'Import a file of records.',
    });
  }
  const records = await drawKnownRecords(model, tokenizer, model.weights, shipped, count, seed, job);
  return { title: count === 1 ? 'One known fact' : `${count} known facts`, seed, records };
}

/** Whether a kept average is what is asked for now. */
function isAnswerTo(kept: AverageTraceView, count: number, settings: TraceSettings): boolean {
  return kept.facts + kept.skipped === count && JSON.stringify(kept.settings) === JSON.stringify(settings);
}

const RUN_STAGES: Record<RunPhase, string> = {
  contexts: 'Editing: context templates',
  statistics: 'Editing: statistics',
  targets: 'Editing: target states',
  spread: 'Editing: spreading over the layers',
};

const api: WorkerApi = {
  version: () => Promise.resolve(API_VERSION),

  load: (source, choice, onProgress) =>
    inTurn(async ({ signal }) => {
      onProgress({ stage: 'Starting', file: '', loadedBytes: 0, totalBytes: 0 });
      if (!backend || lostMessage !== null) {
        backend = await startBackend(choice, storage);
        lostMessage = null;
        void backend.lost.then((message) => {
          lostMessage = message;
        });
      }
      const files =
        source.kind === 'demo'
          ? httpFiles(source.url)
          : localFiles(
              source.name,
              source.files.map((file) => ({ name: file.webkitRelativePath || file.name, blob: file })),
            );
      const opened = await Workbench.open(files, backend, { statisticsStore: storage, onProgress, signal });
      const unsaved = await failureIn(
        storage.loadHistory(opened.hash).then((entries) => {
          opened.restore(entries);
        }),
      );
      // The model that was open stays so until the new one is ready.
      await workbench?.dispose();
      workbench = opened;
      return { ...summaryOf(opened, backend, unsaved), averageTrace: await storage.loadAverageTrace(opened.hash) };
    }),

  inspect: (drafts) =>
    withModel(async (bench) => {
      const rows = drafts.map((draft) => inspectDraft(bench, draft));
      await addPredictions(bench, rows);
      return rows;
    }),

  parseLines: (text) =>
    withModel((bench) => {
      const { drafts, faults } = (bench.facts ?? new FactList()).parseTriples(text);
      const rows = drafts.map((draft) => ({ id: crypto.randomUUID(), ...draft }));
      return Promise.resolve({ drafts: rows, faults });
    }),

  run: (drafts, settings, onEvent) =>
    changeHistory(async (bench, job) => {
      const secondsLeft = estimator();
      const requests = drafts.map((draft) => requestOfDraft(bench, draft));
      const patch = await bench.edit(requests, settings, {
        job,
        progress: {
          onPhase: (phase, done, total, detail) => {
            onEvent({ kind: 'phase', phase, done, total, detail, secondsLeft: secondsLeft(phase, done, total) });
          },
          onLosses: (losses) => {
            onEvent({ kind: 'loss', losses: losses.map(stepView) });
          },
          onLayer: (outcome) => {
            onEvent({ kind: 'layer', report: layerView(outcome) });
          },
        },
      });
      bench.stack.push(patch);
    }),

  cancel: () => {
    for (const controller of controllers) controller.abort();
    return Promise.resolve();
  },

  compare: (patchId, onProgress) =>
    withModel(async (bench, { signal }) => ({ patchId, ...(await bench.compare(patchId, { signal, onProgress })) })),

  tryPrompt: (prompt) => withModel((bench, { signal }) => bench.compareFree(prompt, signal)),

  trace: (draft, settings, onEvent) =>
    withModel(async (bench, job) => {
      const began = performance.now();
      const request = requestOfDraft(bench, draft);
      const prompt = bench.tracer.locate(request);
      const secondsLeft = estimator();
      let view: TraceView | null = null;
      const trace = await bench.tracer.trace(request, settings, await bench.weights(), job, {
        onBaseline: (baseline) => {
          view = emptyTraceView(bench, request, prompt, baseline);
          onEvent({ kind: 'start', view });
          return true;
        },
        onToken: (traced) => {
          onEvent(tokenEvent(bench, traced));
        },
        onProgress: (done, total) => {
          const detail = `${Math.round((100 * done) / total)} % of the token-layers`;
          onEvent({ kind: 'progress', done, total, detail, secondsLeft: secondsLeft('trace', done, total) });
        },
      });
      return finishedTraceView(bench, view!, trace, (performance.now() - began) / 1000);
    }),

  averageTrace: (count, settings, onEvent) =>
    withModel(async (bench, job) => {
      const kept = await storage.loadAverageTrace(bench.hash);
      if (kept && isAnswerTo(kept, count, settings)) return kept;
      const began = performance.now();
      const secondsLeft = estimator();
      const facts = bench.tracer.drawFacts(count, settings.seed);
      const average = await bench.tracer.average(facts, settings, job, (done, total, skipped) => {
        const detail = `${done} of ${total} facts${skipped > 0 ? `, ${skipped} skipped` : ''}`;
        onEvent({ kind: 'progress', done, total, detail, secondsLeft: secondsLeft('facts', done, total) });
      });
      const view = { ...average, settings, seconds: (performance.now() - began) / 1000 };
      await storage.saveAverageTrace(bench.hash, view);
      return view;
    }),

  tableColumns: (text) => inTurn(() => Promise.resolve(tableColumns(text))),

  importRecords: (name, text, mapping) =>
    inTurn(() => {
      const read = importRecords(text, { facts: workbench?.facts, ...(mapping && { mapping }) });
      imported = { name, records: read.records };
      return Promise.resolve(recordSetView(name, read));
    }),

  importReferences: (name, text) =>
    inTurn(() => {
      references = ReferenceTexts.parse(text);
      return Promise.resolve({ name, texts: references.count, objects: references.objects });
    }),

  benchmark: (source, { settings, unedited, generate }, onEvent) =>
    withModel(async (bench, job) => {
      const began = performance.now();
      const secondsLeft = estimator();
      const tell = (stage: string, done: number, total: number): void => {
        onEvent({ stage, done, total, secondsLeft: secondsLeft(stage, done, total) });
      };
      tell('Choosing records', 0, 1);
      const { title, seed, records: chosen } = await recordsOf(bench, source, job);
      const contexts = settings && (await bench.contexts(settings.seed, job.signal));
      const { records, leftOut } = fitRecords(bench, chosen, contexts);
      const generation = generate ? { seed, references } : null;
      const ask = (weights: WeightSet, which: string): Promise<Assessment> =>
        assess(bench, weights, records, generation, job, (part, done, total) => {
          tell(part === 'texts' ? `Texts of the ${which} model` : `Asking the ${which} model`, done, total);
        });
      const before = await ask(bench.model.weights, 'unedited');
      let unsaved: WorkerFailure | null = null;
      if (settings) {
        const patch = await bench.edit(records.map(requestOf), settings, {
          job,
          unedited,
          progress: {
            onPhase: (phase, done, total) => {
              tell(RUN_STAGES[phase], done, total);
            },
          },
        });
        bench.stack.push(patch, { alone: unedited });
        unsaved = await failureIn(storage.saveHistory(bench.hash, bench.stack.entries));
      }
      const enabled = bench.stack.entries.filter((entry) => entry.enabled);
      const after = enabled.length === 0 ? null : await ask(await bench.weights(), 'edited');
      const evaluation = {
        model: bench.name,
        modelHash: bench.hash,
        patches: enabled.map(({ name }) => name),
        edits: enabled.reduce((sum, { patch }) => sum + patch.requests.length, 0),
        records,
        leftOut,
        before,
        after,
      };
      const seconds = (performance.now() - began) / 1000;
      return {
        report: benchmarkReport(title, evaluation, settings, seconds),
        history: historyView(bench, unsaved),
      };
    }),

  damage: (count, onEvent) =>
    withModel(async (bench, job) => {
      const began = performance.now();
      const stage = 'Asking what was not edited';
      const secondsLeft = estimator();
      const { sample, perplexityBefore, steps } = await bench.damage({ count, seed: 0 }, job, (done, total) => {
        onEvent({ stage, done, total, secondsLeft: secondsLeft(stage, done, total) });
      });
      const { questions, sentences } = sample;
      const seconds = (performance.now() - began) / 1000;
      return { facts: questions.length, sentences: sentences.length, perplexityBefore, steps, seconds };
    }),

  history: () => withModel((bench) => Promise.resolve(historyView(bench))),

  setEnabled: (patchId, enabled) =>
    changeHistory((bench) => {
      bench.stack.setEnabled(patchId, enabled);
    }),

  rename: (patchId, name) =>
    changeHistory((bench) => {
      bench.stack.rename(patchId, name);
    }),

  remove: (patchId) =>
    changeHistory((bench) => {
      bench.stack.remove(patchId);
    }),

  undo: () =>
    changeHistory((bench) => {
      bench.stack.undo();
    }),

  exportModel: ({ scope, dtype }) =>
    withModel(async (bench, { signal }) => {
      const { name, parts } = await bench.export(scope, dtype);
      return { name, blob: await toBlob(parts, signal) };
    }),

  exportPatch: (patchId) =>
    withModel(async (bench) => {
      const { patch, name } = bench.stack.entry(patchId);
      const bytes = await writePatchFile({ ...patch, name });
      const file = exportFileName({ model: bench.name, edits: [name], kind: 'patch' });
      return { name: file, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) };
    }),

  importPatch: (file) =>
    changeHistory(async (bench) => {
      bench.add(await readPatchFile(blobSource(file.name, file)));
    }),
};

// Comlink would send an Error's message and stack only; the page wants to know what was kept and what to do next.
const thrown = Comlink.transferHandlers.get('throw') as Comlink.TransferHandler<{ value: unknown }, unknown>;
Comlink.transferHandlers.set('throw', {
  canHandle: (value): value is { value: unknown } => thrown.canHandle(value),
  serialize: ({ value }) => [{ isError: false, value: failureOf(value) }, []],
  deserialize: (value) => thrown.deserialize(value),
});

Comlink.expose(api);
