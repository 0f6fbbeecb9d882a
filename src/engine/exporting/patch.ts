/** A patch as the file that this program reads again (patches/patch-file.ts). */
import { z } from 'zod';
import { writePatchFile } from '../patches/patch-file.ts';
import type { PatchExporter } from './exporter.ts';
import { exportFileName } from './file-name.ts';

const noOptions = z.object({});

/** Every number of the patch is kept, and everything that is known of its run. */
export const patchFile: PatchExporter<z.infer<typeof noOptions>> = {
  id: 'patch',
  label: 'Patch file',
  help: 'The edits themselves, small, to be imported where the same model is open.',
  subject: 'patch',
  options: noOptions,
  export: async ({ modelName, patch }) => {
    const bytes = await writePatchFile(patch);
    return {
      name: exportFileName({ model: modelName, edits: [patch.name], part: 'patch' }),
      parts: {
        size: bytes.byteLength,
        stream: async function* () {
          yield bytes;
        },
      },
    };
  },
};
