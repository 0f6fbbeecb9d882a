/** Models of the hub: downloaded beside whatever else is done, kept, deleted. */
import { CancelledError, EngineError } from '../../engine/errors.ts';
import { downloadModel, keptState } from '../../engine/sources/hub/download-model.ts';
import { HubClient } from '../../engine/sources/hub/hub-client.ts';
import { NoAnswerError } from '../../engine/sources/hub/hub-errors.ts';
import { parseHubName, type HubName } from '../../engine/sources/hub/hub-name.ts';
import { neededFiles, type HubListing } from '../../engine/sources/hub/listing.ts';
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';
import { findKept, type KeptFiles, type KeptModels } from '../kept-models.ts';
import { alone } from '../locks.ts';
import type { DownloadedModel, DownloadProgress, HubOrder, KeptModel, ModelShelf } from '../models-api.ts';

type Commands = Pick<WorkerApi, 'download' | 'cancelDownload' | 'modelShelf' | 'deleteModel'>;

export function modelsCommands(host: WorkerHost): Commands {
  /** Of the download under way. */
  let controller: AbortController | null = null;

  return {
    download: async (order, onProgress) => {
      if (controller) {
        throw new EngineError('input', 'Another model is being downloaded.', { next: 'Wait for it, or cancel it.' });
      }
      controller = new AbortController();
      const { signal } = controller;
      try {
        return await download(await host.models(), order, onProgress, signal);
      } catch (error) {
        if (signal.aborted && !(error instanceof CancelledError)) throw new CancelledError();
        throw error;
      } finally {
        controller = null;
      }
    },

    cancelDownload: () => {
      controller?.abort();
      return Promise.resolve();
    },

    modelShelf: async () => shelfOf(await host.models()),

    deleteModel: async (id, commit) => {
      const models = await host.models();
      const busy = (): EngineError =>
        new EngineError('storage', `“${id}” is in use, here or in another tab.`, {
          kept: 'It was not deleted.',
          next: 'Open another model first, or wait for the download to end.',
        });
      await alone(lockOfUse(id, commit), busy, () =>
        alone(lockOfDownload(id, commit), busy, () => models.delete(id, commit)),
      );
      return shelfOf(models);
    },
  };
}

/** Shared by the tabs that have the model open. */
export function lockOfUse(id: string, commit: string): string {
  return `memit-model-use ${id}@${commit}`;
}

function lockOfDownload(id: string, commit: string): string {
  return `memit-model-download ${id}@${commit}`;
}

async function download(
  models: KeptModels,
  { model, endpoint, token }: HubOrder,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal,
): Promise<DownloadedModel> {
  const name = parseHubName(model);
  if (!name) {
    throw new EngineError('input', `“${model.trim()}” is not the name of a model on a hub.`, {
      next: 'Write owner/name, and @revision after it where you do not mean the newest: gpt2, EleutherAI/pythia-160m@step3000.',
    });
  }
  const client = new HubClient({ endpoint, token });
  const bytes = { fileLoaded: 0, fileTotal: 0, loaded: 0, total: 0, secondsLeft: null };
  onProgress({ stage: 'Asking the hub', model: name.id, file: '', ...bytes, reason: '' });
  let listing: HubListing;
  try {
    listing = await client.list(name, signal);
  } catch (error) {
    const kept = error instanceof NoAnswerError ? await keptWhole(models, name) : null;
    if (!kept) throw error;
    return {
      model: kept,
      note: `${client.endpoint} does not answer: this is “${name.id}” as it was downloaded before.`,
    };
  }
  neededFiles(listing); // throws where there is nothing to download
  const record = { listing, endpoint: client.endpoint, keptAt: new Date().toISOString() };
  const { id, commit } = listing;
  const busy = (): EngineError =>
    new EngineError('storage', `“${id}” is being downloaded in another tab.`, {
      next: 'Wait until it is there, and open it here.',
    });
  return alone(lockOfDownload(id, commit), busy, async () => {
    const store = await models.keep(record);
    try {
      await downloadModel(client, listing, store, {
        signal,
        onProgress: (progress) => onProgress({ ...progress, model: id }),
      });
    } catch (error) {
      const kept = await findKept(models, { id, revision: commit }).catch(() => null);
      // A model of which nothing came would only be in the way.
      if (kept?.bytes === 0) await models.delete(id, commit).catch(() => undefined);
      throw error;
    }
    const kept = await findKept(models, { id, revision: commit });
    if (!kept) throw new EngineError('storage', `“${id}” was downloaded, and is no longer there.`);
    return { model: await viewOf(kept), note: null };
  });
}

async function keptWhole(models: KeptModels, name: HubName): Promise<KeptModel | null> {
  const kept = await findKept(models, name);
  const view = kept && (await viewOf(kept));
  return view?.whole ? view : null;
}

async function viewOf({ listing, endpoint, keptAt, bytes, store }: KeptFiles): Promise<KeptModel> {
  const { id, revision, commit } = listing;
  const { total, whole } = await keptState(listing, store);
  return { id, revision, commit, endpoint, bytes, totalBytes: total, whole, keptAt };
}

async function shelfOf(models: KeptModels): Promise<ModelShelf> {
  const kept = await models.list();
  // Pages without HTTPS have no storage manager.
  const storage = navigator.storage as StorageManager | undefined;
  const estimate = await storage?.estimate().catch(() => null);
  const persisted = await storage?.persisted().catch(() => null);
  return {
    models: await Promise.all(kept.map(viewOf)),
    lasting: models.lasting,
    usedBytes: estimate?.usage ?? null,
    quotaBytes: estimate?.quota ?? null,
    persisted: persisted ?? null,
  };
}
