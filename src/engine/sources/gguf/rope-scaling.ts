/** How rotary positions are scaled: partly in the metadata, partly as tensors of factors. */
import { largest } from '../../extent.ts';
import type { GgufMetadata } from './metadata.ts';

export interface RopeTensors {
  /** `rope_freqs.weight`: what each frequency is divided by (Llama 3.1 and later); absent where there is none. */
  readonly frequencyDivisors?: readonly number[];
  /** `rope_factors_short.weight` and `rope_factors_long.weight` (Phi 3). */
  readonly shortFactors?: readonly number[];
  readonly longFactors?: readonly number[];
}

/** Llama 3.1's, which all models with such factors have; the file has the factors alone. */
const LLAMA_3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/** Relative difference of factors that are the same up to the rounding of their computation. */
const TOLERANCE = 1e-3;

/**
 * The config's `rope_scaling`, or nothing where positions are as they are.
 * @throws ModelError when the factors are not those of a scaling that a config can say
 */
export function ropeScaling(arch: string, metadata: GgufMetadata, tensors: RopeTensors): Record<string, unknown> {
  const { frequencyDivisors, shortFactors, longFactors } = tensors;
  const original = metadata.optionalNumber(`${arch}.rope.scaling.original_context_length`);
  if (shortFactors && longFactors) {
    return {
      original_max_position_embeddings: original ?? metadata.number(`${arch}.context_length`),
      rope_scaling: { rope_type: 'longrope', short_factor: shortFactors, long_factor: longFactors },
    };
  }
  if (frequencyDivisors) return { rope_scaling: llama3Scaling(arch, metadata, frequencyDivisors) };
  const type = metadata.optionalText(`${arch}.rope.scaling.type`);
  if (type === undefined || type === 'none') return {};
  const factor = metadata.float(`${arch}.rope.scaling.factor`);
  return {
    rope_scaling: {
      rope_type: type,
      factor,
      ...(original !== undefined && { original_max_position_embeddings: original }),
    },
  };
}

function llama3Scaling(arch: string, metadata: GgufMetadata, divisors: readonly number[]): Record<string, unknown> {
  const factor = Number(largest(divisors).toPrecision(6));
  const base = metadata.optionalFloat(`${arch}.rope.freq_base`) ?? 10_000;
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = LLAMA_3;
  const fits = divisors.every((divisor, i) => {
    // Full turns within the first context: slow ones are divided, fast ones are not, those between partly.
    const turns = context / (2 * Math.PI * base ** (i / divisors.length));
    const share = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return Math.abs(divisor * ((1 - share) / factor + share) - 1) < TOLERANCE;
  });
  if (!fits) throw metadata.refusal('its rotary factors (rope_freqs) are not those of Llama 3');
  return { rope_type: 'llama3', factor, ...LLAMA_3 };
}
