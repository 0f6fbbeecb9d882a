/**
 * Causal tracing between page and worker: what is asked for, what streams in, what a finished trace holds.
 * Meng et al., "Locating and Editing Factual Associations in GPT" (2022), section 2.
 */
import type { LayerBand } from '../engine/tracing/band.ts';
import type { AverageTrace } from '../engine/tracing/average.ts';
import type { TracePosition } from '../engine/tracing/positions.ts';
import type { Severed, TraceKind, TraceSettings } from '../engine/tracing/settings.ts';
import type { Prediction } from './api.ts';

export type { LayerBand, Severed, TraceKind, TracePosition, TraceSettings };

export interface TraceToken {
  id: number;
  text: string;
  subject: boolean;
  position: TracePosition | 'before subject';
}

/** Scores of one kind, [token][layer]; null until the cell has arrived. */
export interface TraceGrid {
  kind: TraceKind;
  severed: Severed;
  /** Mean over the samples of P(answer) with the state restored. */
  scores: (number | null)[][];
  /** The most probable token of the restored run (its probabilities averaged over the samples). */
  says: (string | null)[][];
}

export interface TraceView {
  prompt: string;
  subject: string;
  tokens: TraceToken[];
  /** The clean run's top token, whose probability is followed. */
  answer: Prediction;
  /** P(answer) with the subject corrupted, mean over the samples. */
  corrupted: number;
  /** The clean run's most probable tokens. */
  top: Prediction[];
  /** What the fact list says; null when it says nothing. */
  knownObject: string | null;
  /** Set when the answer is not the known object: the trace then shows where a mistake comes from. */
  note: string | null;
  noise: number;
  grids: TraceGrid[];
  band: LayerBand | null;
  /** Token-layers computed, and what (tokens × layers × (samples + 1)) full passes would have taken. */
  cost: { computed: number; plain: number };
  seconds: number;
}

export type TraceEvent =
  | { kind: 'start'; view: TraceView }
  /** A token of a grid has come in: scores and answers per layer. */
  | { kind: 'token'; grid: number; token: number; scores: number[]; says: string[] }
  | { kind: 'progress'; done: number; total: number; detail: string; secondsLeft: number | null };

export type { AverageCurve } from '../engine/tracing/average.ts';

export interface AverageTraceView extends AverageTrace {
  noise: number;
  settings: TraceSettings;
  seconds: number;
}
