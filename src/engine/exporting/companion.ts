/** A file that belongs beside the weights (config.json, the tokenizer's), of a model that did not come with it as a file. */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { ModelExporter } from './exporter.ts';

const companionOptions = z.object({
  file: z.string().meta({ title: 'File', description: 'Which of the files beside the weights.' }),
});

/** What other programs need beside the exported weights; where the user has the files already, nothing is offered. */
export const companion: ModelExporter<z.infer<typeof companionOptions>> = {
  id: 'companion',
  label: 'Config or tokenizer',
  help: 'A file that other programs read beside the weights.',
  subject: 'model',
  options: companionOptions,
  offers: (_, companions = []) =>
    companions.map((file) => ({
      label: file,
      help: 'Made from the GGUF file; other programs read it beside the exported weights.',
      options: { file },
    })),
  export: async ({ companions }, { file }) => {
    const source = companions?.get(file);
    if (!source) throw new EngineError('export', `“${file}” came as a file with the model, and is there already.`);
    return {
      name: file,
      parts: {
        size: source.size,
        stream: async function* (signal) {
          yield await source.read(0, source.size, signal);
        },
      },
    };
  },
};
