/**
 * A patch: what a run of MEMIT did, kept apart from the model (design: a patch stack, not a mutated model). Per edited layer
 * it holds the two thin factors of ΔW instead of ΔW itself, and beside them all that is needed to repeat the run.
 */
import type { MemitSettings } from '../methods/memit/settings.ts';

/** The factors of one layer's update: ΔW = Σ over edits of R[e] ⊗ A[e], i.e. Rᵀ·A as [D, F]. */
export interface LayerUpdate {
  layer: number;
  /** The edited weight's name in the model's safetensors file. */
  tensorName: string;
  /** R, one row per edit: [editCount, hiddenSize]. */
  residual: Float32Array;
  /** A, one row per edit: [editCount, intermediateSize]. */
  adjustedKeys: Float32Array;
  editCount: number;
  hiddenSize: number;
  intermediateSize: number;
  /** True when the weight is stored [F, D] (GPT-2's Conv1D), false for [D, F]. */
  transposed: boolean;
}

/** An edit as it was asked for: `prompt` holds one `{}` for the subject. */
export interface PatchRequest {
  caseId?: number | string;
  prompt: string;
  subject: string;
  targetNew: string;
  targetTrue?: string;
  relationId?: string;
}

export interface Patch {
  id: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  /** `hashModel` of the model that was edited; the patch fits no other. */
  modelHash: string;
  modelName: string;
  method: 'memit';
  /** In the order of the factors' rows. */
  requests: PatchRequest[];
  settings: MemitSettings;
  /** The context templates of the run, the plain "{}" first. */
  contexts: string[];
  layers: LayerUpdate[];
  /** Losses, residuals and timings of the run, as JSON; what shows them checks them. */
  report: unknown;
}
