/** What the page and the worker say to each other about facts: which of those that ship a model knows, and the text for its statistics. */
import type { KnowledgeCounts, Origin } from '../engine/knowledge/knowledge.ts';

export type { KnowledgeCounts, Origin };

export interface KnowledgeView {
  /** Where the relations come from, and the facts that the model is known to know. */
  origin: Origin;
  /** How much of what ships was asked; null where the model came with facts of its own, or nothing ships. */
  counts: KnowledgeCounts | null;
}

export interface FindEvent {
  /** In words. */
  stage: string;
  done: number;
  total: number;
  secondsLeft: number | null;
}

/** The text that statistics are computed over where none are there. */
export interface StatisticsTextView {
  /** Of the model's own files, or of the data that ship. */
  origin: 'model' | 'shipped';
  documents: number;
  /** As this model reads them, estimated. */
  tokens: number;
  /** As many as the statistics of a layer should be over. */
  enough: number;
}
