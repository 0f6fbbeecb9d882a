/** The settings of rotary embeddings in a config.json, in both spellings: rope_theta with rope_scaling, and rope_parameters. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { rotaryFrequencies, type Rotary } from './rotary.ts';

const scalingSchema = z.looseObject({
  rope_type: z.string().optional(),
  /** The same in older files. */
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: z.number().positive().optional(),
});

/** Fields of a family's schema. */
export const ropeFields = {
  rope_theta: z.number().positive().nullish(),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
};

type RopeFields = z.infer<z.ZodObject<typeof ropeFields>>;

/** transformers' default where a config names no base. */
const DEFAULT_BASE = 10_000;

/**
 * How heads of `size` rotated numbers turn (transformers: modeling_rope_utils.py).
 * @throws ModelError naming a scaling that is not known, or a field that it lacks
 */
export function rotaryOf({ rope_theta, rope_scaling, rope_parameters }: RopeFields, size: number): Rotary {
  const field = rope_parameters ? 'rope_parameters' : 'rope_scaling';
  const settings = rope_parameters ?? rope_scaling ?? {};
  const base = settings.rope_theta ?? rope_theta ?? DEFAULT_BASE;
  const type = settings.rope_type ?? settings.type ?? 'default';
  const frequencies = rotaryFrequencies(base, size);
  const number = (
    name: 'factor' | 'low_freq_factor' | 'high_freq_factor' | 'original_max_position_embeddings',
  ): number => {
    const value = settings[name];
    if (typeof value === 'number') return value;
    throw new ModelError(`config.json: ${field} of type “${type}” lacks ${name}.`);
  };
  if (type === 'default') return { frequencies, scale: 1 };
  if (type === 'linear') {
    const factor = number('factor');
    return { frequencies: frequencies.map((frequency) => frequency / factor), scale: 1 };
  }
  if (type === 'llama3') {
    const [factor, low, high] = [number('factor'), number('low_freq_factor'), number('high_freq_factor')];
    const context = number('original_max_position_embeddings');
    return {
      frequencies: frequencies.map((frequency) => scaledFrequency(frequency, { factor, low, high, context })),
      scale: 1,
    };
  }
  throw new ModelError(`config.json: ${field} of type “${type}” is not supported; default, linear and llama3 are.`);
}

/** Llama 3.1: slow turns are slowed down further, fast ones stay, those between are blended. */
function scaledFrequency(
  frequency: number,
  { factor, low, high, context }: { factor: number; low: number; high: number; context: number },
): number {
  const turns = (context * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}
