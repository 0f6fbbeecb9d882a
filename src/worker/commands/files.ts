/** Files out and in: the edited weights, patches. */
import { settingsSchemas } from '../../engine/methods/registry.ts';
import { readPatchFile } from '../../engine/patches/patch-file.ts';
import { exportModel, exportPatch } from '../../engine/session/export.ts';
import { blobSource } from '../../engine/weights/byte-source.ts';
import type { WorkerApi } from '../api.ts';
import { exportedBlob } from '../export-files.ts';
import type { WorkerHost } from '../host.ts';

export function fileCommands(host: WorkerHost): Pick<WorkerApi, 'export' | 'importPatch'> {
  return {
    export: ({ exporter, options, patchId }) =>
      host.withModel(async (session, { signal }) => {
        const { name, parts } =
          patchId === null
            ? await exportModel(session, exporter, options)
            : await exportPatch(session, exporter, patchId, options);
        return { name, blob: await exportedBlob(parts, signal) };
      }),

    importPatch: (file) =>
      host.changeHistory(async (session) => {
        const patch = await readPatchFile(blobSource(file.name, file), settingsSchemas(session.methods));
        await session.add(patch);
      }),
  };
}
