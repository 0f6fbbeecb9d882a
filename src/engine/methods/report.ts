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

export const runReportSchema = z.object({
  /** Loss terms of every evaluation, edit by edit, in the order of the steps. */
  losses: z.array(stepLossesSchema),
  layers: z.array(layerOutcomeSchema),
  /** Tokens behind the second moments; 0 where the method needs none. */
  statisticsTokens: z.number(),
  /** Where it ran: "WASM, 2 threads". */
  backend: z.string(),
  /** By phase. */
  seconds: z.record(z.string(), z.number()),
});

export type LayerOutcome = Readonly<z.infer<typeof layerOutcomeSchema>>;
export type RunReport = z.infer<typeof runReportSchema>;
