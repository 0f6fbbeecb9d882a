/** What a run tells about itself, whatever the method: kept in the patch, shown by the page, written by the command line. */
import { z } from 'zod';
import { stepLossesSchema } from '../targets/losses.ts';

/** What the change of one layer did. Norms are Frobenius. */
export const layerOutcomeSchema = z.object({
  layer: z.number(),
  /** ‖ΔW‖ */
  updateNorm: z.number(),
  /** ‖W‖ before it */
  weightNorm: z.number(),
  /** Mean over the edits of ‖z − h‖ before it. */
  meanResidual: z.number(),
  /** Of the solve. */
  relativeResidual: z.number(),
  seconds: z.number(),
});

/** How far an edit's state is from its target before and after a layer's change: ‖z − h‖. */
export const editResidualSchema = z.object({
  edit: z.number(),
  layer: z.number(),
  before: z.number(),
  after: z.number(),
});

/** What the model answered to an edit's prompt before the run, and what after it. */
export const editOutcomeSchema = z.object({
  /** Every token of the new object was the most probable one; joint probability of these tokens. */
  saidBefore: z.boolean(),
  probabilityBefore: z.number(),
  says: z.boolean(),
  probability: z.number(),
  /** The most probable next token after the run. */
  top: z.string(),
});

export const runReportSchema = z.object({
  /** Loss terms of every evaluation, edit by edit, in the order of the steps. */
  losses: z.array(stepLossesSchema),
  layers: z.array(layerOutcomeSchema),
  /** Layer by layer, every edit; absent of runs that did not measure them. */
  residuals: z.array(editResidualSchema).optional(),
  /** In the order of the requests; absent of runs that were not asked. */
  outcomes: z.array(editOutcomeSchema).optional(),
  /** Tokens behind the second moments; 0 where the method needs none. */
  statisticsTokens: z.number(),
  /** How many targets an earlier run had found: they took none of the seconds. */
  keptTargets: z.number().default(0),
  /** Where it ran: "WASM, 2 threads". */
  backend: z.string(),
  /** By phase. */
  seconds: z.record(z.string(), z.number()),
});

export type LayerOutcome = Readonly<z.infer<typeof layerOutcomeSchema>>;
export type EditResidual = Readonly<z.infer<typeof editResidualSchema>>;
export type EditOutcome = Readonly<z.infer<typeof editOutcomeSchema>>;
export type RunReport = z.infer<typeof runReportSchema>;
