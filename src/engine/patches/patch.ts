/**
 * A patch: what a run of an editing method did, kept apart from the model, so that it can be switched off, saved and shared: what
 * is added to which weights, and beside it all that is needed to repeat the run.
 */
import type { WeightDelta } from './weight-delta.ts';

/** An edit as it was asked for: `prompt` holds one `{}` for the subject. */
export interface PatchRequest {
  caseId?: number | string;
  prompt: string;
  subject: string;
  targetNew: string;
  targetTrue?: string;
  relationId?: string;
}

/** A method's settings, as JSON; its schema says which (methods/). */
export type MethodSettings = Readonly<Record<string, unknown>>;

export interface Patch {
  id: string;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  /** Identity of the model that was edited (`ModelIdentity`); the patch fits no other. */
  modelHash: string;
  modelName: string;
  /** Id of the method (methods/registry.ts). */
  method: string;
  requests: PatchRequest[];
  settings: MethodSettings;
  /** The context templates of the run, the plain "{}" first. */
  contexts: string[];
  /** At most one a weight. */
  deltas: WeightDelta[];
  /** Losses, residuals and timings of the run, as JSON; what shows them checks them. */
  report: unknown;
}
