/** The loss of an edit's target at a step, as it is reported. */
import { z } from 'zod';

/** Before the step is taken: loss = nll + kl + decay (reference: memit/compute_z.py). */
export const stepLossesSchema = z.object({
  /** Place of the edit among the run's. */
  edit: z.number(),
  step: z.number(),
  loss: z.number(),
  nll: z.number(),
  kl: z.number(),
  decay: z.number(),
  /** ‖δ‖ */
  deltaNorm: z.number(),
  /** ‖h0‖ */
  initialNorm: z.number(),
});

export type StepLosses = Readonly<z.infer<typeof stepLossesSchema>>;
