/** What the page and the worker say to each other about benchmarks: records measured before and after an edit. */
import type { PromptGroup } from '../engine/evaluation/counterfact.ts';
import type { Damage, Distance } from '../engine/evaluation/damage.ts';
import type { CounterFactMetrics, GroupMetrics, Metric } from '../engine/evaluation/metrics.ts';
import type { ImportFault } from '../engine/evaluation/import.ts';

export type { CounterFactMetrics, Damage, Distance, GroupMetrics, ImportFault, Metric, PromptGroup };

/** Where records come from: facts that the model knows, drawn from its own list, or what was imported last. */
export type RecordSource = { kind: 'known'; count: number; seed: number } | { kind: 'imported' };

/** Records that were read and wait in the worker. */
export interface RecordSetView {
  name: string;
  count: number;
  /** The first few, as sentences. */
  samples: { subject: string; prompt: string; targetNew: string; targetTrue: string }[];
  paraphrases: number;
  neighbours: number;
  faults: readonly ImportFault[];
  notes: readonly ImportFault[];
}

/** Probabilities are geometric means over the object's tokens, exp(−loss). */
export interface PromptOutcome {
  group: PromptGroup;
  prompt: string;
  before: PromptAnswerView;
  /** Null where nothing was changed. */
  after: PromptAnswerView | null;
}

export interface PromptAnswerView {
  targetNew: number;
  targetTrue: number;
  /** The object that is right here is the more probable one: the new one, for neighbours the true one. */
  success: boolean;
  /** log-probability per token of the right object less that of the other, in nats. */
  margin: number;
}

export interface CaseView {
  caseId: string;
  subject: string;
  targetNew: string;
  targetTrue: string;
  prompts: PromptOutcome[];
  /** Share of successes afterwards (before, where nothing was changed) by group; null without such prompts. */
  shares: Record<PromptGroup, number | null>;
}

export interface BenchmarkReport {
  /** "100 known facts", or the file's name. */
  title: string;
  model: string;
  edits: number;
  /** Names of the patches in force afterwards. */
  patches: string[];
  before: CounterFactMetrics;
  after: CounterFactMetrics | null;
  cases: CaseView[];
  seconds: number;
  /** The same in the reference's form, as JSON. */
  referenceJson: string;
}

export interface BenchmarkEvent {
  /** In words. */
  stage: string;
  done: number;
  total: number;
  secondsLeft: number | null;
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
