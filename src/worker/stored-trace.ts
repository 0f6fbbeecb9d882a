/** The form of an average trace in storage, where anything may lie. */
import { z } from 'zod';
import { TRACE_POSITIONS } from '../engine/tracing/positions.ts';
import { traceSettingsSchema } from '../engine/tracing/settings.ts';
import type { AverageTraceView } from './trace-api.ts';

/** NaN too: a mean over no facts. */
const number = z.custom<number>((value) => typeof value === 'number');

const curveSchema = z
  .object({
    kind: z.enum(['hidden', 'mlp', 'attention']),
    severed: z.enum(['none', 'mlp', 'attention']),
    position: z.enum(TRACE_POSITIONS),
    facts: z.number(),
    effect: z.array(number).min(1),
    interval: z.array(number),
  })
  .refine(({ effect, interval }) => effect.length === interval.length);

export const averageTraceSchema: z.ZodType<AverageTraceView> = z.object({
  facts: z.number(),
  skipped: z.number(),
  totalEffect: z.object({ mean: number, interval: number }),
  curves: z.array(curveSchema),
  band: z.object({ layers: z.array(z.int().nonnegative()).min(1), reason: z.string() }).nullable(),
  noise: z.number(),
  settings: traceSettingsSchema,
  seconds: z.number(),
});
