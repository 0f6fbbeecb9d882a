/** The edited tensors alone as a safetensors file: small, and laid over the source's by name. */
import type { z } from 'zod';
import { EngineError } from '../errors.ts';
import { safetensorsParts } from '../weights/safetensors-writer.ts';
import { assertWritable, editedTensors, sharedMetadata, weightOptions } from './edited-tensors.ts';
import type { ModelExporter } from './exporter.ts';
import { exportFileName } from './file-name.ts';

/** Names, shapes, order and metadata are the source's; the values are the edited ones, rounded to the dtype. */
export const changedTensors: ModelExporter<z.infer<typeof weightOptions>> = {
  id: 'changed-tensors',
  label: 'Changed tensors only',
  help: 'A small safetensors file with the edited weights alone.',
  subject: 'model',
  needsEdits: true,
  options: weightOptions,
  offers: () => [
    {
      label: 'Changed tensors only',
      help: 'A small file with the edited weights alone.',
      options: { dtype: 'source' },
    },
  ],
  export: async ({ modelName, index, changed, edits }, { dtype }) => {
    if (changed.size === 0) {
      throw new EngineError('export', 'There is nothing to export: no tensor is changed.', {
        next: 'Switch a patch on, or export the full model.',
      });
    }
    assertWritable(index, changed, dtype);
    const entries = index.tensors.filter(({ name }) => changed.has(name));
    return {
      name: exportFileName({ model: modelName, edits, part: 'changed' }),
      parts: safetensorsParts(editedTensors(entries, changed, dtype), sharedMetadata(index)),
    };
  },
};
