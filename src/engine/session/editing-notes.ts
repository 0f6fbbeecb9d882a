/** memit.json beside a model: how it is best edited. */
import { z } from 'zod';
import { ModelError } from '../errors.ts';
import type { ModelConfig } from '../families/family.ts';
import { methodOf, DEFAULT_METHOD } from '../methods/registry.ts';
import { validateSettings, type EditingMethod } from '../methods/method.ts';
import { isPlainFileName } from '../sources/model-source.ts';
import { messageOf, parseJson } from '../text.ts';

/** Of the model's own folder, wherever that is. */
const fileName = z.string().refine(isPlainFileName, 'is not the name of a file in the model’s folder');

const notesSchema = z.object({
  /** Of which method the preset is. */
  method: z.string().default(DEFAULT_METHOD),
  preset: z.record(z.string(), z.unknown()).optional(),
  presetNote: z.string().optional(),
  statistics: z.object({ file: fileName.optional(), text: fileName.optional() }).optional(),
  examples: z.array(z.object({ subject: z.string(), relationId: z.string(), object: z.string() })).default([]),
});

export type EditingNotes = z.infer<typeof notesSchema>;

/**
 * @param text null where the model came without
 * @throws ModelError saying where the file is at fault
 */
export function parseEditingNotes(
  text: string | null,
  config: ModelConfig,
  methods: readonly EditingMethod[],
): EditingNotes {
  const json =
    text === null
      ? {}
      : parseJson(text, (reason, cause) => new ModelError(`memit.json is not valid JSON: ${reason}`, { cause }));
  const parsed = notesSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ModelError(`memit.json: ${issue.path.join('.')} ${issue.message}`);
  }
  const { method, preset } = parsed.data;
  if (preset) {
    try {
      validateSettings(methodOf(method, methods), preset, config);
    } catch (cause) {
      throw new ModelError(`memit.json, preset: ${messageOf(cause)}`, { cause });
    }
  }
  return parsed.data;
}
