/** Opens a model: the files of a source become a session. */
import { ModelError } from '../errors.ts';
import type { FamilyDefinition } from '../families/family.ts';
import { createFamily, FAMILIES } from '../families/registry.ts';
import { METHODS } from '../methods/registry.ts';
import type { EditingMethod } from '../methods/method.ts';
import { LanguageModel } from '../model/language-model.ts';
import { optionalText, readText, type ByteProgress, type ModelSource } from '../sources/model-source.ts';
import { openTensors } from '../sources/open-tensors.ts';
import { Covariances } from '../statistics/covariances.ts';
import { ShippedStatistics } from '../statistics/shipped-statistics.ts';
import { readStatistics } from '../statistics/statistics-file.ts';
import type { StatisticsSource } from '../statistics/statistics-source.ts';
import { StoredStatistics, type StatisticsStore } from '../statistics/stored-statistics.ts';
import { TextStatistics } from '../statistics/text-statistics.ts';
import { parseJson } from '../text.ts';
import { FactList } from '../tokens/fact-list.ts';
import { ModelTokenizer } from '../tokens/tokenizer.ts';
import { hashModel, type ModelIdentity } from '../weights/model-hash.ts';
import type { Backend } from './backend.ts';
import { parseEditingNotes, type EditingNotes } from './editing-notes.ts';
import { ModelSession } from './session.ts';

export interface OpenProgress {
  readonly stage: 'Downloading' | 'Preparing the model' | 'Reading statistics';
  readonly file: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface OpenOptions {
  readonly statisticsStore?: StatisticsStore;
  /** Leave aside the statistics that came with the model. */
  readonly ignoreShipped?: boolean;
  readonly families?: readonly FamilyDefinition[];
  readonly methods?: readonly EditingMethod[];
  readonly onProgress?: (progress: OpenProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Opens a model: config.json, tokenizer.json, its safetensors files; and where they are there tokenizer_config.json,
 * facts.json (what the model knows), memit.json (preset, statistics, examples).
 * @throws ModelError, SafetensorsError, DownloadError, CancelledError
 */
export async function openSession(
  source: ModelSource,
  backend: Backend,
  options: OpenOptions = {},
): Promise<ModelSession> {
  const { onProgress, signal, families = FAMILIES, methods = METHODS } = options;
  const tell =
    (stage: OpenProgress['stage']) =>
    ({ file, loaded, total }: ByteProgress): void =>
      onProgress?.({ stage, file, loadedBytes: loaded, totalBytes: total });
  const configText = await readText(source, 'config.json', signal);
  const config = parseJson(
    configText,
    (reason, cause) => new ModelError(`config.json is not valid JSON: ${reason}`, { cause }),
  );
  const tokenizer = ModelTokenizer.create(
    await readText(source, 'tokenizer.json', signal),
    (await optionalText(source, 'tokenizer_config.json', signal)) ?? '{}',
  );
  const factsText = await optionalText(source, 'facts.json', signal);
  const notesText = await optionalText(source, 'memit.json', signal);
  const tensors = await openTensors(source, tell('Downloading'), signal);
  const family = createFamily(config, tensors, families);
  const notes = parseEditingNotes(notesText, family.config, methods);
  const identity = await hashModel(tensors, configText, signal);
  const model = await LanguageModel.load(
    family,
    tensors,
    backend.runtime,
    backend.linalg,
    (done, total) => {
      const loaded = Math.round((tensors.size * done) / total);
      tell('Preparing the model')({ file: source.name, loaded, total: tensors.size });
    },
    signal,
  );
  try {
    const sources = await statisticsSources({ source, notes, identity, model, tokenizer, options, tell });
    return new ModelSession({
      source,
      identity,
      model,
      tokenizer,
      facts: factsText === null ? null : FactList.parse(factsText),
      tensors,
      backend,
      notes,
      covariances: new Covariances(model.linalg, sources),
      methods,
    });
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** The file that came with the model, what was stored before, and the text, so far as they are there. */
async function statisticsSources({
  source,
  notes,
  identity,
  model,
  tokenizer,
  options,
  tell,
}: {
  source: ModelSource;
  notes: EditingNotes;
  identity: ModelIdentity;
  model: LanguageModel;
  tokenizer: ModelTokenizer;
  options: OpenOptions;
  tell: (stage: OpenProgress['stage']) => (progress: ByteProgress) => void;
}): Promise<StatisticsSource[]> {
  const { statisticsStore, ignoreShipped, signal } = options;
  const { device } = model.runtime;
  const { intermediateSize } = model.config;
  const sources: StatisticsSource[] = [];
  const file = notes.statistics?.file;
  if (file !== undefined && !ignoreShipped) {
    const bytes = await source.open(file, tell('Reading statistics'), signal);
    sources.push(
      new ShippedStatistics(device, await readStatistics(bytes, identity, intermediateSize), intermediateSize),
    );
  }
  const text = await optionalText(source, notes.statistics?.text ?? 'statistics.txt', signal);
  if (text === null) return sources;
  if (statisticsStore) {
    sources.push(new StoredStatistics(device, statisticsStore, identity, text, intermediateSize));
  }
  sources.push(new TextStatistics(model, tokenizer, text));
  return sources;
}
