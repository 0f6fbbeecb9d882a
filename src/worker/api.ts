/**
 * The contract between the page and the worker: commands in, progress and results out. The page knows these types and
 * nothing of the engine behind them. Carried by Comlink; failures arrive as {@link WorkerFailure}.
 */
import type { ErrorCode } from '../engine/errors.ts';
import type { MemitSettings } from '../engine/methods/memit/settings.ts';
import type {
  BenchmarkEvent,
  BenchmarkOptions,
  BenchmarkReport,
  ColumnMapping,
  DamageReport,
  RecordSetView,
  RecordSource,
  ReferenceSetView,
  TableColumns,
} from './benchmark-api.ts';
import type { AverageTraceView, TraceEvent, TraceSettings, TraceView } from './trace-api.ts';

export type { MemitSettings };

/** Raised when page and worker come from different builds (an old tab after an update). */
export const API_VERSION = 4;

export type BackendChoice = 'auto' | 'webgpu' | 'wasm';

/** Where the model comes from: the folder that ships with the page, or files the user picked. */
export type ModelSource = { kind: 'demo'; url: string } | { kind: 'files'; name: string; files: File[] };

export interface LoadProgress {
  /** The file being read and how many bytes of it; total 0 when the server does not say. */
  file: string;
  loadedBytes: number;
  totalBytes: number;
  /** What is happening, in words: "Downloading", "Preparing the model", "Reading statistics". */
  stage: string;
}

export interface Relation {
  id: string;
  label: string;
  /** Canonical template first; each holds one {}. */
  templates: string[];
  /** A few subjects with their objects, for suggestions. */
  examples: { subject: string; object: string }[];
}

export interface BackendReport {
  kind: 'webgpu' | 'wasm';
  /** "NVIDIA RTX …" or "WASM, 2 threads". */
  name: string;
  /** Why this backend, in one sentence. */
  reason: string;
  threads: number;
}

export interface ModelSummary {
  name: string;
  hash: string;
  architecture: string;
  parameters: number;
  bytes: number;
  dtype: string;
  layerCount: number;
  hiddenSize: number;
  intermediateSize: number;
  vocabularySize: number;
  contextLength: number;
  backend: BackendReport;
  relations: Relation[];
  preset: MemitSettings;
  /** Where the preset comes from, in one sentence. */
  presetNote: string;
  /** Edits to fill in at first. */
  examples: EditDraft[];
  /** Restored from the browser's storage. */
  history: HistoryState;
  /** The last one of this model, from the browser's storage. */
  averageTrace: AverageTraceView | null;
}

/** An edit as it is being typed. Either a relation of the model's list, or a free prompt with {}. */
export interface EditDraft {
  id: string;
  subject: string;
  relationId: string | null;
  /** The template used when relationId is null. */
  prompt: string;
  object: string;
}

export interface Prediction {
  id: number;
  token: string;
  probability: number;
}

export interface Fault {
  field: 'subject' | 'prompt' | 'object' | 'request';
  message: string;
}

export interface TokenView {
  id: number;
  text: string;
  role: 'plain' | 'subject' | 'lookup';
}

export interface RowInspection {
  draftId: string;
  faults: Fault[];
  /** The prompt with the subject filled in, or null while it cannot be built. */
  fullPrompt: string | null;
  tokens: TokenView[];
  targetTokens: string[];
  /** Top five next tokens of the model as it is now (enabled patches included). */
  top: Prediction[];
  /** The object the model's fact list has for this subject and relation. */
  knownObject: string | null;
}

export type RunPhase = 'contexts' | 'statistics' | 'targets' | 'spread';

export interface StepLoss {
  /** Index of the edit in the run. */
  edit: number;
  step: number;
  loss: number;
  nll: number;
  kl: number;
  decay: number;
  /** ‖δ‖ / ‖h0‖ after the step. */
  deltaRatio: number;
}

export interface LayerReport {
  layer: number;
  /** ‖ΔW‖, ‖W‖ and their ratio (Frobenius). */
  updateNorm: number;
  weightNorm: number;
  ratio: number;
  /** Mean over the edits of ‖z − h‖ before this layer's update. */
  meanResidual: number;
  /** Relative residual of the solve. */
  relativeResidual: number;
  seconds: number;
}

export type RunEvent =
  | { kind: 'phase'; phase: RunPhase; done: number; total: number; detail: string; secondsLeft: number | null }
  | { kind: 'loss'; losses: StepLoss[] }
  | { kind: 'layer'; report: LayerReport };

export interface PatchSummary {
  id: string;
  name: string;
  enabled: boolean;
  createdAt: string;
  edits: { subject: string; prompt: string; object: string; trueObject: string | null }[];
  settings: MemitSettings;
  layers: LayerReport[];
  losses: StepLoss[];
  seconds: number;
  /** Seconds per phase. */
  timings: Record<RunPhase, number>;
}

/** The patch stack, oldest first. */
export interface HistoryState {
  patches: PatchSummary[];
  /** What undo would take back ("delete “Rome → Paris”"), or null. */
  undoLabel: string | null;
  /** Set when the stack could not be read from or written to the browser's storage; the change itself is in effect. */
  unsaved: WorkerFailure | null;
}

export interface PromptComparison {
  prompt: string;
  before: Prediction[];
  after: Prediction[];
}

export interface JudgedPrompt extends PromptComparison {
  subject: string;
  /** For a paraphrase the new object, for a neighbour the old one: the answer wanted after the edit. */
  wanted: string;
  wantedProbabilityBefore: number;
  wantedProbabilityAfter: number;
  pass: boolean;
}

export interface EditComparison extends PromptComparison {
  subject: string;
  object: string;
  trueObject: string | null;
  /** Probability of the new object's first token. */
  objectProbabilityBefore: number;
  objectProbabilityAfter: number;
  pass: boolean;
  continuationBefore: string;
  continuationAfter: string;
  paraphrases: JudgedPrompt[];
  neighbours: JudgedPrompt[];
}

export interface ComparisonReport {
  patchId: string;
  edits: EditComparison[];
  /** Passed and counted, for the summary line. */
  efficacy: { passed: number; total: number };
  generalization: { passed: number; total: number };
  specificity: { passed: number; total: number };
}

export interface FreeComparison extends PromptComparison {
  continuationBefore: string;
  continuationAfter: string;
}

export interface ExportOptions {
  /** 'full': every tensor; 'changed': only those the enabled patches touch. */
  scope: 'full' | 'changed';
  /** 'source' keeps the file's own dtype (rounds the edited tensors to it); 'F32' keeps every bit of the edit. */
  dtype: 'source' | 'F32';
}

export interface ExportedFile {
  name: string;
  blob: Blob;
}

/**
 * What the worker rejects with, after the trip through postMessage. The code 'worker' is the page's own: the worker
 * died, could not start, or threw something that is no engine error.
 */
export interface WorkerFailure {
  code: ErrorCode | 'worker';
  message: string;
  kept: string;
  next: string;
}

/** Callbacks are Comlink proxies. Jobs run one at a time; a command that needs the model waits for the job before it. */
export interface WorkerApi {
  version(): Promise<number>;
  load(
    source: ModelSource,
    backend: BackendChoice,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<ModelSummary>;
  /** Tokens, faults and present predictions of rows, in the order given. */
  inspect(drafts: EditDraft[]): Promise<RowInspection[]>;
  /** Drafts and faults per line from pasted lines "subject | relation | object" (also tabs). */
  parseLines(text: string): Promise<{ drafts: EditDraft[]; faults: { line: number; message: string }[] }>;
  /** Runs MEMIT on top of the enabled patches; the new patch is on the stack and enabled when this resolves. */
  run(drafts: EditDraft[], settings: MemitSettings, onEvent: (event: RunEvent) => void): Promise<HistoryState>;
  /** Cancels the running job, within one optimisation step, and the commands waiting behind it. */
  cancel(): Promise<void>;
  /** Before (all enabled patches but this one) and after (with it), for the patch's own edits. */
  compare(patchId: string, onProgress: (done: number, total: number) => void): Promise<ComparisonReport>;
  /** A free prompt: the unedited model beside the model as it is now. */
  tryPrompt(prompt: string): Promise<FreeComparison>;
  /** Causal trace of a draft's prompt, on the model as it is now. Streams the view, then its tokens as they come. */
  trace(draft: EditDraft, settings: TraceSettings, onEvent: (event: TraceEvent) => void): Promise<TraceView>;
  /** Average over `count` known facts of the unedited model; kept with the model, so a second call with the same settings is instant. */
  averageTrace(count: number, settings: TraceSettings, onEvent: (event: TraceEvent) => void): Promise<AverageTraceView>;
  /** The columns of a table of records and what they are taken for; null where the text is no table. */
  tableColumns(text: string): Promise<TableColumns | null>;
  /** Reads records from a file's text; they wait in the worker until others are read. Columns are found by name without a mapping. */
  importRecords(name: string, text: string, mapping: ColumnMapping | null): Promise<RecordSetView>;
  /** Reads texts about objects, for consistency; they wait in the worker until others are read. */
  importReferences(name: string, text: string): Promise<ReferenceSetView>;
  /** Asks records of the unedited model and of the model as it is, or as an edit of all of them leaves it. */
  benchmark(
    source: RecordSource,
    options: BenchmarkOptions,
    onEvent: (event: BenchmarkEvent) => void,
  ): Promise<{ report: BenchmarkReport; history: HistoryState }>;
  /** What the enabled patches did to facts that nobody edited (so many are asked), to perplexity and to next words. */
  damage(count: number, onEvent: (event: BenchmarkEvent) => void): Promise<DamageReport>;
  history(): Promise<HistoryState>;
  setEnabled(patchId: string, enabled: boolean): Promise<HistoryState>;
  rename(patchId: string, name: string): Promise<HistoryState>;
  remove(patchId: string): Promise<HistoryState>;
  undo(): Promise<HistoryState>;
  exportModel(options: ExportOptions): Promise<ExportedFile>;
  exportPatch(patchId: string): Promise<ExportedFile>;
  importPatch(file: File): Promise<HistoryState>;
}
