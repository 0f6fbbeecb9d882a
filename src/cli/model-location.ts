/** What `--model` names: a folder or a file of this machine, or a model of the hub. */
import { stat } from 'node:fs/promises';
import { parseHubName } from '../engine/sources/hub/hub-name.ts';
import type { ModelSource } from '../engine/sources/model-source.ts';
import { path } from './files.ts';
import { modelAt } from './folder-source.ts';
import { hubModel } from './hub/hub-model.ts';
import { hubSettings } from './hub/hub-settings.ts';
import { showDownload, showNote } from './progress.ts';

/**
 * What lies on this machine counts before a model of the hub with the same name. A name without an owner is a folder's.
 * @throws DownloadError, HubAccessError, ModelError, EngineError ('storage')
 */
export async function modelNamed(text: string): Promise<ModelSource> {
  const local = path(text);
  const name = parseHubName(text);
  const isHere = (await stat(local).catch(() => null)) !== null;
  if (isHere || !name?.id.includes('/')) return modelAt(local);
  return hubModel(name, hubSettings(), {
    onProgress: showDownload,
    onNote: showNote,
  });
}
