/** The forms in which models and patches leave as files. A new one is an object in a file of its own, and an entry here. */
import { EngineError } from '../errors.ts';
import { changedTensors } from './changed-tensors.ts';
import { companion } from './companion.ts';
import type { Exporter } from './exporter.ts';
import { patchFile } from './patch.ts';
import { safetensors } from './safetensors.ts';

export const EXPORTERS: readonly Exporter[] = [safetensors, changedTensors, patchFile, companion];

/** @throws EngineError ('export') when there is no such form */
export function exporterOf(id: string, exporters: readonly Exporter[] = EXPORTERS): Exporter {
  const exporter = exporters.find((each) => each.id === id);
  if (exporter) return exporter;
  const known = exporters.map((each) => each.id).join(', ');
  throw new EngineError('export', `There is no export called “${id}”; there is ${known}.`);
}
