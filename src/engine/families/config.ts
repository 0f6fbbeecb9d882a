/** What families share in reading a config.json. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import { HARMLESS_SETTINGS } from './harmless-settings.ts';

/** Settings that any family's config.json may hold, each with the one value that is understood. */
const FIXED_SETTINGS = {
  add_cross_attention: z.literal(false).nullish(),
  is_encoder_decoder: z.literal(false).nullish(),
  tie_encoder_decoder: z.literal(false).nullish(),
  pruned_heads: z.strictObject({}).nullish(),
  use_bidirectional_attention: z.literal(false).nullish(),
};
const fixedSchema = z.object(FIXED_SETTINGS);

/**
 * The settings of a family, checked. What neither the schema nor {@link HARMLESS_SETTINGS} knows may be null, and nothing else.
 * @param label the family's name, for the message
 * @throws ModelError naming the field at fault
 */
export function parseConfig<T>(schema: z.ZodObject & z.ZodType<T>, config: unknown, label: string): T {
  const object = z.record(z.string(), z.unknown()).safeParse(config).data ?? {};
  if ((object.quantization_config ?? null) !== null) {
    throw new ModelError('config.json: quantization_config says that the weights are quantised.', {
      next: 'Open the model’s files in F32, F16 or BF16.',
    });
  }
  const fixed = fixedSchema.safeParse(config);
  const parsed = schema.safeParse(config);
  const issue = [...(parsed.error?.issues ?? []), ...(fixed.error?.issues ?? [])].at(0);
  if (issue) {
    const message = `config.json is not a usable ${label} configuration: ${issue.path.join('.')} ${issue.message}`;
    throw new ModelError(message);
  }
  const known = { ...FIXED_SETTINGS, ...schema.shape };
  const unknown = Object.keys(object).find(
    (name) => !Object.hasOwn(known, name) && !HARMLESS_SETTINGS.has(name) && object[name] !== null,
  );
  if (unknown !== undefined) {
    throw new ModelError(
      `config.json: ${unknown} is not a setting of ${label} models that is understood here; without it, the model may compute something else.`,
      { next: `If you know that ${unknown} changes nothing, take it out of config.json.` },
    );
  }
  return parsed.data!;
}

/**
 * The size of one of `count` equal parts.
 * @throws ModelError naming both fields when it is no whole number
 */
export function partOf(size: number, count: number, [sizeField, countField]: readonly [string, string]): number {
  if (size % count === 0) return size / count;
  throw new ModelError(`config.json: ${sizeField} ${size} is not a multiple of ${countField} ${count}.`);
}
