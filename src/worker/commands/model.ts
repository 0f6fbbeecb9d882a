/** Opening a model, and cancelling. */
import { DownloadError } from '../../engine/errors.ts';
import { needsOf } from '../../engine/model/needs.ts';
import { openSession } from '../../engine/session/open.ts';
import type { ModelSession } from '../../engine/session/session.ts';
import { httpFolder } from '../../engine/sources/http-folder.ts';
import { hubSource } from '../../engine/sources/hub/hub-source.ts';
import type { ModelSource } from '../../engine/sources/model-source.ts';
import { pickedFiles } from '../../engine/sources/picked-files.ts';
import { windowOf } from '../../engine/tracing/settings.ts';
import { isFloatDtype } from '../../engine/weights/dtype.ts';
import { API_VERSION, type HistoryState, type ModelLocation, type ModelSummary, type WorkerApi } from '../api.ts';
import type { BrowserBackend } from '../backend.ts';
import { forgetOldExports } from '../export-files.ts';
import { failureIn, type WorkerHost } from '../host.ts';
import { findKept } from '../kept-models.ts';
import { knowledgeView } from '../knowledge-views.ts';
import { referenceData } from '../reference-data.ts';
import { share } from '../locks.ts';
import { openTargetStore } from '../opfs-targets.ts';
import { exportChoices, mainDtype, methodViews, relationViews } from '../views.ts';
import { lockOfUse } from './models.ts';

export function modelCommands(
  host: WorkerHost,
): Pick<WorkerApi, 'version' | 'hold' | 'deviceLoss' | 'load' | 'formerHash' | 'cancel'> {
  return {
    version: () => Promise.resolve(API_VERSION),

    hold: async (lock) => {
      await share(lock);
    },

    deviceLoss: () => host.deviceLoss,

    load: (location, choice, onProgress) =>
      host.inTurn(async ({ signal }) => {
        // What cannot be removed now is tried again the next time.
        void forgetOldExports().catch(() => undefined);
        onProgress({ stage: 'Starting', file: '', loadedBytes: 0, totalBytes: 0 });
        const backend = await host.backend(choice);
        // Before it is read: another tab must not delete it meanwhile.
        const release =
          location.kind === 'kept' ? await share(lockOfUse(location.id, location.commit)) : () => undefined;
        let opened: ModelSession | null = null;
        try {
          opened = await openSession(await sourceOf(host, location), backend, {
            statisticsStore: host.storage,
            answerStore: host.storage,
            targetStore: await openTargetStore(),
            data: referenceData(),
            onProgress,
            signal,
          });
          const knowledge = await knowledgeView(opened.knowledge);
          const averageTrace = await host.storage.loadAverageTrace(opened.hash);
          // The model that was open stays so until the new one is ready.
          await host.replaceSession(opened, release);
          const unsaved = await failureIn(host.restoreHistory(opened));
          return { ...summaryOf(opened, backend, host.history(opened, unsaved)), knowledge, averageTrace };
        } catch (error) {
          if (opened === null || host.session !== opened) {
            await opened?.dispose();
            release();
          }
          throw error;
        }
      }),

    formerHash: () => host.withModel(({ identity }) => identity.formerHash()),

    cancel: () => {
      host.cancel();
      return Promise.resolve();
    },
  };
}

async function sourceOf(host: WorkerHost, location: ModelLocation): Promise<ModelSource> {
  if (location.kind === 'demo') return httpFolder(location.url);
  if (location.kind === 'files') {
    const files = location.files.map((file) => ({ name: file.webkitRelativePath || file.name, blob: file }));
    return pickedFiles(location.name, files);
  }
  const { id, commit } = location;
  const kept = await findKept(await host.models(), { id, revision: commit });
  if (!kept) {
    throw new DownloadError(`“${id}” is not among the models that this browser keeps.`, {
      next: 'Download it again under “Models”; a browser may clear what a page stores.',
    });
  }
  return hubSource(kept.listing, kept.store);
}

function statisticsOf({ notes, statisticsText }: ModelSession): ModelSummary['statistics'] {
  if (notes.statistics?.file !== undefined) return 'file';
  if (!statisticsText) return 'none';
  return statisticsText.origin === 'model' ? 'text' : 'shipped';
}

function summaryOf(
  session: ModelSession,
  { report }: BrowserBackend,
  history: HistoryState,
): Omit<ModelSummary, 'averageTrace' | 'knowledge'> {
  const { tokenizer } = session;
  const { config } = session.model;
  const { tensors, size } = session.tensors;
  const floats = tensors.filter(({ dtype }) => isFloatDtype(dtype));
  return {
    name: session.name,
    hash: session.hash,
    architecture: config.modelType,
    parameters: floats.reduce((sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1), 0),
    bytes: size,
    dtype: mainDtype(session.tensors),
    layerCount: config.layerCount,
    hiddenSize: config.hiddenSize,
    intermediateSize: config.intermediateSize,
    vocabularySize: config.vocabularySize,
    contextLength: config.contextLength,
    beginText: tokenizer.beginIds.length === 0 ? null : tokenizer.decode(tokenizer.beginIds),
    unusableTokens: [...tokenizer.unusableTokens],
    backend: report,
    needs: needsOf(session.model.family, session.tensors, session.model.runtime.device),
    relations: relationViews(session),
    statistics: statisticsOf(session),
    traceWindow: windowOf(config.layerCount),
    methods: methodViews(session),
    exports: exportChoices(session),
    examples: session.notes.examples.map((example, i) => ({ id: `example-${i + 1}`, prompt: '', ...example })),
    history,
  };
}
