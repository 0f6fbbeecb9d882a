/** The whole edited model as one safetensors file, which other programs load in place of the source's. */
import type { z } from 'zod';
import { safetensorsParts, type FileParts } from '../weights/safetensors-writer.ts';
import { assertWritable, editedTensors, sharedMetadata, weightOptions, type ExportDtype } from './edited-tensors.ts';
import type { ModelExporter, ModelToExport } from './exporter.ts';
import { exportFileName } from './file-name.ts';

/**
 * Names, shapes and order of the tensors and the metadata are the source's. In the dtype of the source every tensor that was not
 * edited is kept byte for byte, and of a model in one file the header too, so that without edits the file itself comes out again.
 * The shards of a model in several are written as one file, under a new header, one after the other.
 */
export const safetensors: ModelExporter<z.infer<typeof weightOptions>> = {
  id: 'safetensors',
  label: 'Full model',
  help: 'Every tensor in one safetensors file, which loads beside the source’s config and tokenizer.',
  subject: 'model',
  options: weightOptions,
  offers: (dtype) => [
    {
      label: `Full model (${dtype})`,
      help: 'Every tensor, in the type of the source; loads beside the source’s config and tokenizer.',
      options: { dtype: 'source' },
    },
    ...(dtype === 'F32'
      ? []
      : [
          {
            label: 'Full model (F32)',
            help: 'Every tensor in 32 bits, so that no part of the edit is rounded away.',
            options: { dtype: 'F32' as const },
          },
        ]),
  ],
  export: async ({ modelName, index, changed, edits }, { dtype }) => {
    assertWritable(index, changed, dtype);
    return { name: exportFileName({ model: modelName, edits }), parts: wholeModel(index, changed, dtype) };
  },
};

function wholeModel(index: ModelToExport['index'], changed: ModelToExport['changed'], dtype: ExportDtype): FileParts {
  const tensors = editedTensors(index.tensors, changed, dtype);
  if (dtype === 'F32' || index.shards.length !== 1) return safetensorsParts(tensors, sharedMetadata(index));
  // The same tensors at the same places: the source's own header describes them, down to its spelling.
  const { source, dataStart } = index.shards[0];
  return {
    size: source.size,
    stream: async function* (signal) {
      yield await source.read(0, dataStart, signal);
      for (const { bytes } of tensors) yield* bytes(signal);
    },
  };
}
