/** Opens a model: the files of a source become a session. */
import { EngineError, ModelError } from '../errors.ts';
import { projectionOf, type FamilyDefinition } from '../families/family.ts';
import { createFamily, FAMILIES } from '../families/registry.ts';
import { METHODS } from '../methods/registry.ts';
import type { EditingMethod } from '../methods/method.ts';
import type { AnswerStore } from '../knowledge/answers.ts';
import { Knowledge } from '../knowledge/knowledge.ts';
import type { ReferenceData } from '../knowledge/reference-data.ts';
import { LanguageModel } from '../model/language-model.ts';
import { needsOf, type ModelNeeds } from '../model/needs.ts';
import { modelFolder } from '../sources/model-folder.ts';
import { optionalText, readText, type ByteProgress, type ModelSource } from '../sources/model-source.ts';
import { openTensors } from '../sources/open-tensors.ts';
import { Covariances } from '../statistics/covariances.ts';
import { isReferenceStatistics, layerOf, ReferenceStatistics } from '../statistics/reference-statistics.ts';
import { ShippedStatistics } from '../statistics/shipped-statistics.ts';
import { readStatistics } from '../statistics/statistics-file.ts';
import type { StatisticsSource } from '../statistics/statistics-source.ts';
import { StoredStatistics, type StatisticsStore } from '../statistics/stored-statistics.ts';
import { TextStatistics } from '../statistics/text-statistics.ts';
import type { TargetStore } from '../targets/kept-targets.ts';
import { parseJson } from '../text.ts';
import { FactList } from '../tokens/fact-list.ts';
import { ModelTokenizer } from '../tokens/tokenizer.ts';
import type { ByteSource } from '../weights/byte-source.ts';
import { hashModel, type ModelIdentity } from '../weights/model-hash.ts';
import type { Backend } from './backend.ts';
import { parseEditingNotes, type EditingNotes } from './editing-notes.ts';
import { ModelSession, type StatisticsText } from './session.ts';

export interface OpenProgress {
  readonly stage: 'Downloading' | 'Reading the model' | 'Preparing the model' | 'Reading statistics';
  readonly file: string;
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** From when the headers of the weights are read, which is before the weights are. */
  readonly needs?: ModelNeeds;
}

export interface OpenOptions {
  readonly statisticsStore?: StatisticsStore;
  /** Files of second moments that the user gave; they count before all others. */
  readonly statisticsFiles?: readonly ByteSource[];
  /** What ships, for a model that comes without its own. */
  readonly data?: ReferenceData;
  /** Where it is kept what the model was asked of it. */
  readonly answerStore?: AnswerStore;
  /** Where the targets of edits are kept as they are found. */
  readonly targetStore?: TargetStore;
  /** Leave aside the statistics that came with the model. */
  readonly ignoreShipped?: boolean;
  readonly families?: readonly FamilyDefinition[];
  readonly methods?: readonly EditingMethod[];
  readonly onProgress?: (progress: OpenProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Opens a model: config.json, tokenizer.json, its safetensors files, or a GGUF file in place of all these; and where they are there tokenizer_config.json,
 * facts.json (what the model knows), memit.json (preset, statistics, examples), statistics of the reference (….npz).
 * @throws ModelError, SafetensorsError, DownloadError, CancelledError
 */
export async function openSession(
  files: ModelSource,
  backend: Backend,
  options: OpenOptions = {},
): Promise<ModelSession> {
  const { onProgress, signal, families = FAMILIES, methods = METHODS } = options;
  const tell =
    (stage: OpenProgress['stage']) =>
    ({ file, loaded, total }: ByteProgress): void =>
      onProgress?.({ stage, file, loadedBytes: loaded, totalBytes: total });
  const source = await modelFolder(files, tell('Downloading'), signal);
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
  tokenizer.limitTo(family.config.vocabularySize);
  const needs = needsOf(family, tensors, backend.runtime.device);
  const prepare = (file: string, loadedBytes: number): void =>
    onProgress?.({ stage: 'Preparing the model', file, loadedBytes, totalBytes: tensors.size, needs });
  prepare('', 0);
  const notes = parseEditingNotes(notesText, family.config, methods);
  const identity = await hashModel(tensors, configText, signal, (loaded) =>
    tell('Reading the model')({ file: source.name, loaded, total: tensors.size }),
  );
  const model = await LanguageModel.load(
    family,
    tensors,
    backend.runtime,
    backend.linalg,
    (done, total) => {
      prepare(source.name, Math.round((tensors.size * done) / total));
    },
    signal,
  );
  try {
    const statisticsText = await statisticsTextOf(source, notes, options);
    const sources = await statisticsSources({
      source,
      notes,
      identity,
      model,
      tokenizer,
      text: statisticsText?.text ?? null,
      options,
      tell,
    });
    const knowledge = await Knowledge.open({
      source,
      hash: identity.hash,
      model,
      tokenizer,
      facts: factsText === null ? null : FactList.parse(factsText),
      data: options.data ?? null,
      store: options.answerStore ?? null,
    });
    return new ModelSession({
      source,
      identity,
      model,
      tokenizer,
      knowledge,
      tensors,
      backend,
      notes,
      covariances: new Covariances(model.linalg, sources),
      statisticsText,
      methods,
      targetStore: options.targetStore ?? null,
    });
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** The text that came with the model, else the one that ships. */
async function statisticsTextOf(
  source: ModelSource,
  notes: EditingNotes,
  { data, signal }: OpenOptions,
): Promise<StatisticsText | null> {
  const own = await optionalText(source, notes.statistics?.text ?? 'statistics.txt', signal);
  if (own !== null) return { origin: 'model', text: own };
  return data ? { origin: 'shipped', text: await data.statisticsText() } : null;
}

/** The files that the user gave and those that came with the model, what was stored before, and the text, so far as they are there. */
async function statisticsSources({
  source,
  notes,
  identity,
  model,
  tokenizer,
  text,
  options,
  tell,
}: {
  source: ModelSource;
  notes: EditingNotes;
  identity: ModelIdentity;
  model: LanguageModel;
  tokenizer: ModelTokenizer;
  text: string | null;
  options: OpenOptions;
  tell: (stage: OpenProgress['stage']) => (progress: ByteProgress) => void;
}): Promise<StatisticsSource[]> {
  const { statisticsStore, ignoreShipped, signal } = options;
  const { device } = model.runtime;
  const { intermediateSize } = model.config;
  const tensors = Array.from(
    { length: model.config.layerCount },
    (_, layer) => projectionOf(model.family, layer, 'mlp-output').tensor,
  );
  const given = await givenStatistics(options.statisticsFiles ?? [], tensors, model, identity);
  const beside = await referenceFilesBeside(source, tensors, signal);
  const sources: StatisticsSource[] = [...given, new ReferenceStatistics(device, beside, intermediateSize)];
  const file = notes.statistics?.file;
  if (file !== undefined && !ignoreShipped) {
    const bytes = await source.open(file, tell('Reading statistics'), signal);
    sources.push(
      new ShippedStatistics(device, await readStatistics(bytes, identity, intermediateSize), intermediateSize),
    );
  }
  if (text === null) return sources;
  if (statisticsStore) {
    sources.push(new StoredStatistics(device, statisticsStore, identity, text, intermediateSize));
  }
  sources.push(new TextStatistics(model, tokenizer, text));
  return sources;
}

/**
 * Files that the user gave: of the reference, by their names, or of this program.
 * @throws EngineError ('statistics') for a file of the reference that fits no layer, or one of this program that belongs to another model
 */
async function givenStatistics(
  files: readonly ByteSource[],
  tensors: readonly string[],
  { runtime: { device }, config: { intermediateSize } }: LanguageModel,
  identity: ModelIdentity,
): Promise<StatisticsSource[]> {
  const sources: StatisticsSource[] = [];
  for (const file of files) {
    if (!file.name.endsWith('.npz')) {
      sources.push(
        new ShippedStatistics(device, await readStatistics(file, identity, intermediateSize), intermediateSize),
      );
      continue;
    }
    const layer = layerOf(file.name, tensors);
    if (layer === null) {
      throw new EngineError('statistics', `The name of “${file.name}” gives no layer of this model.`, {
        next: `Statistics of the reference are called as “${tensors[0].replace(/\.weight$/, '')}_float32_mom2_100000.npz”.`,
      });
    }
    sources.push(new ReferenceStatistics(device, new Map([[layer, file]]), intermediateSize));
  }
  return sources;
}

/** Statistics of the reference among the model's own files, by layer. */
async function referenceFilesBeside(
  source: ModelSource,
  tensors: readonly string[],
  signal?: AbortSignal,
): Promise<Map<number, ByteSource>> {
  const files = new Map<number, ByteSource>();
  for (const { path } of (await source.list(signal)) ?? []) {
    const layer = isReferenceStatistics(path) ? layerOf(path, tensors) : null;
    if (layer !== null) files.set(layer, await source.open(path, undefined, signal));
  }
  return files;
}
