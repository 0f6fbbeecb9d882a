/** The edited model, or a patch of its stack, in one of the forms that files can have. */
import { EngineError } from '../errors.ts';
import { checkOptions, type ExportedFile } from '../exporting/exporter.ts';
import { exporterOf } from '../exporting/exporters.ts';
import { readFloats } from '../runtime/device.ts';
import type { ByteSource } from '../weights/byte-source.ts';
import type { ModelSession } from './session.ts';

/**
 * The weights of the enabled patches.
 * @param id of an exporter of models
 * @throws EngineError ('export'), SafetensorsError, CancelledError
 */
export async function exportModel(session: ModelSession, id: string, options: unknown): Promise<ExportedFile> {
  const exporter = exporterOf(id);
  if (exporter.subject !== 'model') throw new EngineError('export', `“${exporter.label}” takes a patch, not a model.`);
  const checked = checkOptions(exporter, options);
  const weights = await session.weights();
  const changed = new Map<string, Float32Array>();
  for (const name of weights.names) {
    changed.set(name, await readFloats(session.model.runtime.device, weights.get(name)));
  }
  const edits = session.stack.entries.filter(({ enabled }) => enabled).map(({ name }) => name);
  const companions = new Map<string, ByteSource>();
  for (const name of companionsOf(session)) companions.set(name, await session.source.open(name));
  return exporter.export({ modelName: session.name, index: session.tensors, changed, edits, companions }, checked);
}

/** Names of the files beside the weights that the model did not come with. */
export function companionsOf({ source }: ModelSession): string[] {
  return (source.made ?? []).filter((name) => name.endsWith('.json'));
}

/**
 * One patch of the stack, called as it is there.
 * @param id of an exporter of patches
 * @throws EngineError ('export'), PatchError
 */
export async function exportPatch(
  session: ModelSession,
  id: string,
  patchId: string,
  options: unknown,
): Promise<ExportedFile> {
  const exporter = exporterOf(id);
  if (exporter.subject !== 'patch') throw new EngineError('export', `“${exporter.label}” takes a model, not a patch.`);
  const checked = checkOptions(exporter, options);
  const { patch, name } = session.stack.entry(patchId);
  return exporter.export({ modelName: session.name, patch: { ...patch, name } }, checked);
}
