/** What a run tells about itself: kept in the patch, shown by the page, written by the command line. */
import { z } from 'zod';

export const stepLossesSchema = z.object({
  edit: z.number(),
  step: z.number(),
  loss: z.number(),
  nll: z.number(),
  kl: z.number(),
  decay: z.number(),
  deltaNorm: z.number(),
  initialNorm: z.number(),
});

export const layerOutcomeSchema = z.object({
  layer: z.number(),
  updateNorm: z.number(),
  weightNorm: z.number(),
  meanResidual: z.number(),
  relativeResidual: z.number(),
  seconds: z.number(),
});

export const runReportSchema = z.object({
  /** Loss terms of every evaluation, edit by edit, in the order of the steps. */
  losses: z.array(stepLossesSchema),
  layers: z.array(layerOutcomeSchema),
  /** Tokens behind the covariances. */
  statisticsTokens: z.number(),
  /** Where it ran: "WASM, 2 threads". */
  backend: z.string(),
  /** Seconds per phase. */
  seconds: z.object({ contexts: z.number(), statistics: z.number(), targets: z.number(), spread: z.number() }),
});

/** The loss of one edit at one step, before the step is taken (algorithm, section 4). */
export type StepLosses = Readonly<z.infer<typeof stepLossesSchema>>;
/** What one layer's update did (algorithm, section 5). Norms are Frobenius; `meanResidual` is the mean of ‖z − h‖ before it. */
export type LayerOutcome = Readonly<z.infer<typeof layerOutcomeSchema>>;
export type RunReport = z.infer<typeof runReportSchema>;
