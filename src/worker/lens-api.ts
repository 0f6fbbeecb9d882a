/** The logit lens between page and worker: which prompt is read, and what every layer would say at every token. */
import type { EditDraft, Prediction } from './api.ts';

/** The prompt of an edit, whose objects are followed, or any other. */
export type LensPrompt = { kind: 'edit'; draft: EditDraft } | { kind: 'free'; prompt: string };

export interface LensCellView {
  /** Most probable first. */
  top: Prediction[];
  /** Of each answer that is followed: its probability, and how many tokens are more probable. */
  followed: { probability: number; rank: number }[];
}

export interface LensView {
  prompt: string;
  tokens: { id: number; text: string; subject: boolean }[];
  layerCount: number;
  /** By their first tokens. */
  followed: { role: 'old' | 'new'; id: number; token: string }[];
  /** By token, then by layer: of the model as it came, and with the patches in force, where there are some. */
  before: LensCellView[][];
  after: LensCellView[][] | null;
  /** First and last layer that the patches change. */
  edited: { first: number; last: number } | null;
  seconds: number;
}

export interface LensProgress {
  done: number;
  total: number;
  secondsLeft: number | null;
}
