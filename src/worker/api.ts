/**
 * The contract between the page and the worker: commands in, progress and results out. The page knows these types and
 * nothing of the engine behind them. Carried by Comlink; failures arrive as {@link WorkerFailure}.
 */
import type { ErrorCode } from '../engine/errors.ts';
import type {
  Comparison,
  EditComparison,
  FreeComparison,
  JudgedPrompt,
  Prediction,
  PromptComparison,
} from '../engine/evaluation/compare.ts';
import type { ModelNeeds } from '../engine/model/needs.ts';
import type { MethodPhase } from '../engine/methods/method.ts';
import type { SettingField } from '../engine/methods/setting-fields.ts';
import type { MethodSettings } from '../engine/patches/patch.ts';
import type {
  BenchmarkEvent,
  BenchmarkOptions,
  BenchmarkReport,
  ColumnMapping,
  DamageReport,
  RecordSetView,
  RecordSource,
  SweepOrder,
  SweepReport,
  ReferenceSetView,
  TableColumns,
} from './benchmark-api.ts';
import type { FindEvent, KnowledgeView, StatisticsTextView } from './knowledge-api.ts';
import type { DownloadedModel, DownloadProgress, HubOrder, ModelShelf } from './models-api.ts';
import type { LayerReach, Reach, Spread } from '../engine/session/reach.ts';
import type { LensProgress, LensPrompt, LensView } from './lens-api.ts';
import type { AverageTraceView, TraceEvent, TraceSettings, TraceView } from './trace-api.ts';

export type {
  EditComparison,
  FreeComparison,
  JudgedPrompt,
  MethodPhase,
  MethodSettings,
  Prediction,
  LayerReach,
  PromptComparison,
  Reach,
  SettingField,
  Spread,
};

/** Raised when page and worker come from different builds (an old tab after an update). */
export const API_VERSION = 10;

export type BackendChoice = 'auto' | 'webgpu' | 'wasm';

/** Where the model comes from: the folder that ships with the page, files the user picked, or what this browser keeps of a hub. */
export type ModelLocation =
  | { kind: 'demo'; url: string }
  | { kind: 'files'; name: string; files: File[] }
  | { kind: 'kept'; id: string; commit: string };

export interface LoadProgress {
  /** The file being read and how many bytes of it; total 0 when the server does not say. */
  file: string;
  loadedBytes: number;
  totalBytes: number;
  /** What is happening, in words: "Downloading", "Reading the model", "Preparing the model", "Reading statistics". */
  stage: string;
  /** What the model takes on the device, once its headers are read. */
  needs?: ModelNeeds;
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
  /** What the tokenizer puts before every prompt and every text of the statistics; null where that is nothing. */
  beginText: string | null;
  /** Tokens that the tokenizer has and the model has no row for. */
  unusableTokens: string[];
  backend: BackendReport;
  needs: ModelNeeds;
  relations: Relation[];
  knowledge: KnowledgeView;
  /** What statistics come from: a file that came along, a text that did, the text that ships with the page, or nothing. */
  statistics: 'file' | 'text' | 'shipped' | 'none';
  /** Layers that a trace restores together where nothing else is chosen; it scales with depth. */
  traceWindow: number;
  /** The first is what is run where nothing else is chosen. */
  methods: MethodView[];
  exports: ExportChoice[];
  /** Edits to fill in at first. */
  examples: EditDraft[];
  /** Restored from the browser's storage. */
  history: HistoryState;
  /** The last one of this model, from the browser's storage. */
  averageTrace: AverageTraceView | null;
}

/** An editing method as the page offers it. */
export interface MethodView {
  id: string;
  label: string;
  /** What it does, in a sentence. */
  summary: string;
  /** Of a run, in order. */
  phases: MethodPhase[];
  /** Of its form, in order. */
  fields: SettingField[];
  preset: MethodSettings;
  /** Where the preset comes from, in one sentence. */
  presetNote: string;
}

/** A form in which the model's weights, as they are now, can be taken home. */
export interface ExportChoice {
  /** Id of the exporter. */
  exporter: string;
  label: string;
  /** What is in the file, in a sentence. */
  help: string;
  options: Readonly<Record<string, unknown>>;
  /** There is nothing to take while no patch is on. */
  needsPatch: boolean;
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

export interface Fault {
  field: 'subject' | 'prompt' | 'object' | 'request';
  message: string;
}

export interface TokenView {
  id: number;
  text: string;
  role: 'plain' | 'subject' | 'lookup';
}

/** A prompt as the model reads it, and the object after it. */
export interface PromptTokens {
  tokens: TokenView[];
  targetTokens: string[];
}

export interface RowInspection extends PromptTokens {
  draftId: string;
  faults: Fault[];
  /** The prompt with the subject filled in, or null while it cannot be built. */
  fullPrompt: string | null;
  /** Top five next tokens of the model as it is now (enabled patches included). */
  top: Prediction[];
  /** The object that the list of facts has for this subject and relation. */
  knownObject: string | null;
  /** The model as it is now says the new object. */
  already: boolean;
}

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

/** ‖z − h‖ of an edit before and after a layer's change. */
export interface EditResidual {
  edit: number;
  layer: number;
  before: number;
  after: number;
}

export type RunEvent =
  /** `phase` is the id of one of the method's. */
  | { kind: 'phase'; phase: string; done: number; total: number; detail: string; secondsLeft: number | null }
  | { kind: 'loss'; losses: StepLoss[] }
  | { kind: 'layer'; report: LayerReport }
  /** The run waits before its next step. */
  | { kind: 'paused' }
  /** Something that the user is to know, in a sentence. */
  | { kind: 'note'; text: string };

/** An edit of a patch, and what came of it. */
export interface PatchEdit {
  subject: string;
  prompt: string;
  object: string;
  trueObject: string | null;
  /** `already`: the model said the new object before the run, too; null where a run did not ask. */
  status: 'took' | 'already' | 'missed' | null;
  /** Why it did not take, in sentences; else empty. */
  reason: string;
}

export interface PatchSummary {
  id: string;
  name: string;
  enabled: boolean;
  createdAt: string;
  edits: PatchEdit[];
  /** Id of the method. */
  method: string;
  settings: MethodSettings;
  layers: LayerReport[];
  /** Of every edit, layer by layer; empty of runs that did not measure them. */
  residuals: EditResidual[];
  losses: StepLoss[];
  seconds: number;
  /** Seconds per phase. */
  timings: Readonly<Record<string, number>>;
}

/** The patch stack, oldest first. */
export interface HistoryState {
  patches: PatchSummary[];
  /** What undo would take back ("delete “Rome → Paris”"), or null. */
  undoLabel: string | null;
  /** Set when the stack could not be read from or written to the browser's storage; the change itself is in effect. */
  unsaved: WorkerFailure | null;
  /** Patches of this model that lie in the browser's storage and cannot be read. */
  aside: { id: string; name: string; reason: string }[];
}

export interface ComparisonReport extends Comparison {
  patchId: string;
}

/** What is exported, and how: an exporter's id and its options. */
export interface ExportOrder {
  exporter: string;
  options: Readonly<Record<string, unknown>>;
  /** The patch, for an exporter of patches; null for one of the model. */
  patchId: string | null;
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
  /** Resolves when the worker holds the lock of that name, which it does until it ends: whoever gets it then knows that it has. */
  hold(lock: string): Promise<void>;
  /** Resolves when the GPU was lost: the worker is of no use then. */
  deviceLoss(): Promise<WorkerFailure>;
  load(
    location: ModelLocation,
    backend: BackendChoice,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<ModelSummary>;
  /** Downloads a model of a hub, beside whatever else is done; what came before a failure or a cancel is kept. One at a time. */
  download(order: HubOrder, onProgress: (progress: DownloadProgress) => void): Promise<DownloadedModel>;
  cancelDownload(): Promise<void>;
  /** The models that this browser keeps, and how much room there is. */
  modelShelf(): Promise<ModelShelf>;
  /** Deletes what is kept of a model that is not open. */
  deleteModel(id: string, commit: string): Promise<ModelShelf>;
  /** What versions of this page before model hashes began with “sha256:” knew the open model by; storage may have it under that. */
  formerHash(): Promise<string>;
  /** Tokens, faults and present predictions of rows, in the order given. */
  inspect(drafts: EditDraft[]): Promise<RowInspection[]>;
  /** Tokens of an edit of a patch, the first being number 0. */
  editTokens(patchId: string, edit: number): Promise<PromptTokens>;
  /** Of rows that contradict or repeat earlier ones a sentence each, by draft id. */
  rowWarnings(drafts: EditDraft[]): Promise<Record<string, string>>;
  /** Drafts and faults per line from pasted lines "subject | relation | object" (also tabs). */
  parseLines(text: string): Promise<{ drafts: EditDraft[]; faults: { line: number; message: string }[] }>;
  /**
   * Drafts of a file of requests, in any form that records are read in (the reference's, EasyEdit's, CounterFact, zsRE, a table); what was
   * left out or taken otherwise is told.
   */
  parseRequests(text: string): Promise<{ drafts: EditDraft[]; notes: string[] }>;
  /** Runs a method on top of the enabled patches; the new patch is on the stack and enabled when this resolves. */
  run(
    drafts: EditDraft[],
    method: string,
    settings: MethodSettings,
    /** Searches every target, also those that an earlier run found. */
    fresh: boolean,
    onEvent: (event: RunEvent) => void,
  ): Promise<HistoryState>;
  /** Holds the run that goes on before its next step. */
  pause(): Promise<void>;
  /** Lets it go on, or make one step: of the search, or of a layer. */
  goOn(by: 'open' | 'step'): Promise<void>;
  /** Cancels the running job, within one optimisation step, and the commands waiting behind it. */
  cancel(): Promise<void>;
  /** Before (all enabled patches but this one) and after (with it), for the patch's own edits. */
  compare(patchId: string, onProgress: (done: number, total: number) => void): Promise<ComparisonReport>;
  /** Free prompts: the unedited model beside the model as it is now, its most probable words or, with a seed, drawn ones. */
  tryPrompts(
    prompts: string[],
    sampleSeed: number | null,
    onProgress: (done: number, total: number) => void,
  ): Promise<FreeComparison[]>;
  /** What every layer would say at every token of a prompt. */
  lens(asked: LensPrompt, onProgress: (progress: LensProgress) => void): Promise<LensView>;
  /** What a patch adds to its layers' outputs, and how alike the keys of its edits are. */
  reach(patchId: string, onProgress: (done: number, total: number) => void): Promise<Reach>;
  /** Causal trace of a draft's prompt, on the model as it is now or as it came. Streams the view, then its tokens as they come. */
  trace(
    draft: EditDraft,
    settings: TraceSettings,
    unedited: boolean,
    onEvent: (event: TraceEvent) => void,
  ): Promise<TraceView>;
  /** Average over `count` known facts of the unedited model; kept with the model, so a second call with the same settings is instant. */
  averageTrace(count: number, settings: TraceSettings, onEvent: (event: TraceEvent) => void): Promise<AverageTraceView>;
  /** Asks the model facts that ship, and so many records; what it knows is kept with it. What was asked before is not asked again. */
  findFacts(records: number, onEvent: (event: FindEvent) => void): Promise<KnowledgeView>;
  /** What is known by now; drawing facts and records asks for them as well. */
  knowledge(): Promise<KnowledgeView>;
  /** The text for statistics, its length estimated in the model's tokens; null where there is none. */
  statisticsText(): Promise<StatisticsTextView | null>;
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
  /** Edits records from the unedited model with one setting varied and measures each time; reports come value by value. The history stays. */
  sweep(
    source: RecordSource,
    order: SweepOrder,
    onEvent: (event: BenchmarkEvent) => void,
    onPoint: (report: SweepReport) => void,
  ): Promise<SweepReport>;
  /** What the enabled patches did to facts that nobody edited (so many are asked), to perplexity and to next words. */
  damage(count: number, onEvent: (event: BenchmarkEvent) => void): Promise<DamageReport>;
  history(): Promise<HistoryState>;
  /** Told when another tab changed the open model's history; never resolves. */
  watchHistory(onChange: (history: HistoryState) => void): Promise<never>;
  /** The file of a patch that cannot be read, as it lies in storage. */
  asideFile(id: string): Promise<ExportedFile>;
  /** Deletes it. */
  discardAside(id: string): Promise<HistoryState>;
  setEnabled(patchId: string, enabled: boolean): Promise<HistoryState>;
  rename(patchId: string, name: string): Promise<HistoryState>;
  remove(patchId: string): Promise<HistoryState>;
  undo(): Promise<HistoryState>;
  /** Writes the weights of the enabled patches, or one patch, in some form. */
  export(order: ExportOrder): Promise<ExportedFile>;
  importPatch(file: File): Promise<HistoryState>;
}
