/** The settings of rotary embeddings in a config.json, in both spellings: rope_theta with rope_scaling, and rope_parameters. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { partOf } from './config.ts';
import { rotaryFrequencies, type Rotary } from './rotary.ts';

const SCALING_FIELDS = {
  rope_type: z.string().nullish(),
  /** The same in older files. */
  type: z.string().nullish(),
  rope_theta: z.number().positive().nullish(),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
  factor: z.number().positive().nullish(),
  low_freq_factor: z.number().positive().nullish(),
  high_freq_factor: z.number().positive().nullish(),
  original_max_position_embeddings: z.number().positive().nullish(),
};

/** Of {@link ropeFields}; what it does not know is refused once the type is understood. */
export const scalingSchema = z.looseObject(SCALING_FIELDS);

type Scaling = z.infer<typeof scalingSchema>;

/** Fields of a family's schema that names its base otherwise. */
export const scalingFields = {
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
};

/** Fields of a family's schema. */
export const ropeFields = { rope_theta: z.number().positive().nullish(), ...scalingFields };

type RopeFields = z.infer<z.ZodObject<typeof ropeFields>>;

export interface RopeDefaults {
  /** Base where the config names none. */
  readonly base?: number;
  /** Share of a head's numbers that is turned, where rope_parameters does not say; null in families that turn whole heads. */
  readonly partial?: number | null;
}

/** transformers' default where a config names no base. */
const DEFAULT_BASE = 10_000;

/**
 * How heads of `headSize` numbers turn (transformers: modeling_rope_utils.py).
 * @throws ModelError naming a scaling or a field of it that is not known, or a field that it lacks
 */
export function rotaryOf(
  { rope_theta, rope_scaling, rope_parameters }: RopeFields,
  headSize: number,
  { base = DEFAULT_BASE, partial = null }: RopeDefaults = {},
): Rotary {
  const scaled = rope_scaling && Object.keys(rope_scaling).length > 0;
  const [field, settings] = scaled ? ['rope_scaling', rope_scaling] : ['rope_parameters', rope_parameters ?? {}];
  const share = settings.partial_rotary_factor ?? partial ?? 1;
  if (partial === null && share !== 1) {
    throw new ModelError(`config.json: ${field}.partial_rotary_factor is not understood in this family.`);
  }
  const size = Math.trunc(headSize * share);
  partOf(size, 2, [`the size of a head${share === 1 ? '' : '’s turned part'},`, 'the two numbers of a rotated pair,']);
  const frequencies = rotaryFrequencies(settings.rope_theta ?? rope_theta ?? base, size);
  return { frequencies: scaledFrequencies(frequencies, settings, field), scale: 1 };
}

function scaledFrequencies(frequencies: readonly number[], settings: Scaling, field: string): readonly number[] {
  const type = settings.rope_type ?? settings.type ?? 'default';
  if (type !== 'default' && type !== 'linear' && type !== 'llama3') {
    throw new ModelError(`config.json: ${field} of type “${type}” is not supported; default, linear and llama3 are.`);
  }
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(SCALING_FIELDS, name) && settings[name] !== null);
  if (unknown !== undefined) throw new ModelError(`config.json: ${field}.${unknown} is not understood.`);
  if (type === 'default') return frequencies;
  const number = (
    name: 'factor' | 'low_freq_factor' | 'high_freq_factor' | 'original_max_position_embeddings',
  ): number => {
    const value = settings[name];
    if (typeof value === 'number') return value;
    throw new ModelError(`config.json: ${field} of type “${type}” lacks ${name}.`);
  };
  const factor = number('factor');
  if (type === 'linear') return frequencies.map((frequency) => frequency / factor);
  const [low, high] = [number('low_freq_factor'), number('high_freq_factor')];
  const context = number('original_max_position_embeddings');
  return frequencies.map((frequency) => scaledFrequency(frequency, { factor, low, high, context }));
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
