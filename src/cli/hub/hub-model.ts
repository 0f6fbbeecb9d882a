/** A model by its name on the hub: from the cache where it is there, else downloaded into it. */
import { DownloadError } from '../../engine/errors.ts';
import { downloadModel, type ModelDownloadProgress } from '../../engine/sources/hub/download-model.ts';
import { HubClient } from '../../engine/sources/hub/hub-client.ts';
import { NoAnswerError } from '../../engine/sources/hub/hub-errors.ts';
import type { HubName } from '../../engine/sources/hub/hub-name.ts';
import { hubSource } from '../../engine/sources/hub/hub-source.ts';
import type { ModelSource } from '../../engine/sources/model-source.ts';
import { folderSource } from '../folder-source.ts';
import { HubCache } from './hub-cache.ts';
import type { HubSettings } from './hub-settings.ts';

export interface HubModelOptions {
  readonly onProgress?: (progress: ModelDownloadProgress) => void;
  /** What is done otherwise than asked, in a sentence. */
  readonly onNote?: (note: string) => void;
}

/**
 * Asks the hub which files the revision has now, and downloads those that the cache lacks. Where the hub does not answer, or is not to be
 * asked, the cache's copy counts, whoever put it there.
 * @throws DownloadError, HubAccessError, ModelError, EngineError ('storage')
 */
export async function hubModel(
  name: HubName,
  { cache: folder, endpoint, token, offline }: HubSettings,
  { onProgress, onNote }: HubModelOptions = {},
): Promise<ModelSource> {
  const cache = new HubCache(folder);
  if (offline) {
    const kept = await cachedModel(cache, name);
    if (kept) return kept;
    throw new DownloadError(`“${name.id}” (${name.revision}) is not in the cache, ${folder}.`, {
      next: 'Run the command once without HF_HUB_OFFLINE.',
    });
  }
  const client = new HubClient({ endpoint, token });
  try {
    const listing = await client.list(name);
    const store = cache.store(listing);
    await downloadModel(client, listing, store, { onProgress });
    await cache.note(listing);
    return hubSource(listing, store);
  } catch (error) {
    const kept = error instanceof NoAnswerError ? await cachedModel(cache, name) : null;
    if (!kept) throw error;
    onNote?.(`${endpoint} does not answer: “${name.id}” is taken from the cache as it was last.`);
    return kept;
  }
}

async function cachedModel(cache: HubCache, name: HubName): Promise<ModelSource | null> {
  const commit = await cache.commitOf(name);
  if (commit === null) return null;
  return { ...folderSource(cache.snapshot(name.id, commit)), id: name.id, revision: commit, name: name.id };
}
