/** What families share in reading a config.json. */
import type { z } from 'zod';
import { ModelError } from '../errors.ts';

/**
 * The settings of a family, checked.
 * @param label the family's name, for the message
 * @throws ModelError naming the field at fault
 */
export function parseConfig<T>(schema: z.ZodType<T>, config: unknown, label: string): T {
  const parsed = schema.safeParse(config);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelError(`config.json is not a usable ${label} configuration: ${issue.path.join('.')} ${issue.message}`);
}

/**
 * The size of one of `count` equal parts.
 * @throws ModelError naming both fields when it is no whole number
 */
export function partOf(size: number, count: number, [sizeField, countField]: readonly [string, string]): number {
  if (size % count === 0) return size / count;
  throw new ModelError(`config.json: ${sizeField} ${size} is not a multiple of ${countField} ${count}.`);
}
