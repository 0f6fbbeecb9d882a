/** What the page and the worker say to each other about benchmarks: records measured before and after an edit. */
import type { Damage, Distance } from '../engine/evaluation/damage.ts';
import type { MethodSettings } from '../engine/patches/patch.ts';
import type { LeftOut } from '../engine/evaluation/fitting.ts';
import type { RecordTexts } from '../engine/evaluation/generation.ts';
import type { EvaluationMetrics, GroupMetrics, Metric, TextMetrics } from '../engine/evaluation/metrics.ts';
import type { ColumnMapping, TableColumns, TableField } from '../engine/evaluation/columns.ts';
import type { ImportFault } from '../engine/evaluation/import.ts';
import type { PromptGroup } from '../engine/evaluation/records.ts';
import type { SweepAxis, SweepPoint, SweepResult } from '../engine/session/sweep.ts';

export type {
  ColumnMapping,
  Damage,
  Distance,
  EvaluationMetrics,
  GroupMetrics,
  ImportFault,
  LeftOut,
  Metric,
  PromptGroup,
  RecordTexts,
  SweepAxis,
  SweepPoint,
  TableColumns,
  TableField,
  TextMetrics,
};

/** Where records come from: facts that the model knows, drawn from its own list, or what was imported last, all or some drawn. */
export interface RecordSource {
  kind: 'known' | 'imported';
  count: number;
  /** Of the draw. */
  seed: number;
}

export interface BenchmarkOptions {
  /** Writes all new objects first, in one run, which leaves a patch on the stack; null to ask only. */
  edit: {
    /** Id of the method. */
    method: string;
    settings: MethodSettings;
    /** The run starts from the unedited model, and the other patches are switched off. */
    unedited: boolean;
  } | null;
  /** Also lets the model write texts, before and after. */
  generate: boolean;
}

/** Texts about objects that were read and wait in the worker. */
export interface ReferenceSetView {
  name: string;
  texts: number;
  objects: number;
}

export interface RecordView {
  /** With the subject in it. */
  prompt: string;
  targetNew: string;
  targetTrue: string | null;
  paraphrases: number;
  neighbours: number;
}

/** Records that were read and wait in the worker. */
export interface RecordSetView {
  name: string;
  records: RecordView[];
  /** Of all records. */
  paraphrases: number;
  neighbours: number;
  faults: readonly ImportFault[];
  notes: readonly ImportFault[];
}

export interface PromptOutcome {
  group: PromptGroup;
  prompt: string;
  /** The objects it is asked for; null where there is none. */
  targetNew: string | null;
  targetTrue: string | null;
  before: PromptAnswerView;
  /** Null where nothing was changed. */
  after: PromptAnswerView | null;
}

/** Probabilities are geometric means over the object's tokens, exp(−loss). */
export interface PromptAnswerView {
  targetNew: number | null;
  targetTrue: number | null;
  /**
   * The object that is right here (the new one, for neighbours the true one) is the more probable one; where there is no other, all of its
   * tokens are the likeliest ones.
   */
  success: boolean;
  /** Tokens of the right object that are the likeliest ones, of how many. */
  correct: { tokens: number; of: number };
  /** log-probability per token of the right object less that of the other, in nats; null where there is no other. */
  margin: number | null;
}

export interface CaseView {
  caseId: string;
  subject: string;
  targetNew: string;
  targetTrue: string | null;
  prompts: PromptOutcome[];
  /** What the model wrote; null where it was not asked to. */
  texts: { before: RecordTexts; after: RecordTexts | null } | null;
  /**
   * Share of successes afterwards (before, where nothing was changed) by group, of right tokens where no prompt has two objects; null
   * without such prompts.
   */
  shares: Record<PromptGroup, number | null>;
}

export interface BenchmarkReport {
  /** "100 known facts", or the file's name. */
  title: string;
  model: string;
  /** Which weights and config that is. */
  modelHash: string;
  /** ISO 8601. */
  measuredAt: string;
  /** What it ran on, as the header names it. */
  backend: string;
  /** Of every draw: which records, neighbours and texts. */
  seed: number;
  edits: number;
  /** Id of the run's method, and its settings; null where nothing was written. */
  method: string | null;
  settings: MethodSettings | null;
  /** Names of the patches in force afterwards. */
  patches: string[];
  before: EvaluationMetrics;
  after: EvaluationMetrics | null;
  cases: CaseView[];
  /** What was not asked, and why: prompts that the model cannot read, edits that cannot be made. */
  leftOut: readonly LeftOut[];
  seconds: number;
  /** The same in the reference's form, as JSON. */
  referenceJson: string;
  /** The same as files for its summarize.py. */
  caseFiles: { name: string; content: string }[];
}

export interface BenchmarkEvent {
  /** In words. */
  stage: string;
  done: number;
  total: number;
  secondsLeft: number | null;
}

export interface SweepOrder {
  axis: SweepAxis;
  /** Id of the method, and the settings that are not varied. */
  method: string;
  settings: MethodSettings;
  /** Facts asked for damage; 0 leaves it out. */
  damageFacts: number;
}

/** What the values of a sweep came to. */
export interface SweepReport extends SweepResult {
  /** Of the records. */
  title: string;
  seed: number;
  seconds: number;
}

/** What the enabled patches did to everything else, one after the other. */
export interface DamageReport {
  /** Facts asked that the model knew and nobody edited. */
  facts: number;
  sentences: number;
  perplexityBefore: number | null;
  /** With the first patch, with the first two, … */
  steps: { name: string; damage: Damage }[];
  seconds: number;
}
