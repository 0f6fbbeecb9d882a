/** Models without a session: a config.json and the weights, on one WASM thread where no backend is given. */
import { startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import type { FamilyDefinition } from '../../../src/engine/families/family.ts';
import { createFamily, FAMILIES } from '../../../src/engine/families/registry.ts';
import { LanguageModel } from '../../../src/engine/model/language-model.ts';
import type { Backend } from '../../../src/engine/session/backend.ts';
import { readText } from '../../../src/engine/sources/model-source.ts';
import { openTensors } from '../../../src/engine/sources/open-tensors.ts';
import type { ByteSource } from '../../../src/engine/weights/byte-source.ts';
import { readSafetensors } from '../../../src/engine/weights/safetensors.ts';
import { TensorIndex } from '../../../src/engine/weights/tensor-index.ts';

export interface LoadedModel {
  readonly model: LanguageModel;
  readonly index: TensorIndex;
}

/** The model of a folder, with the given config.json, if any, in place of the folder's. */
export async function loadFolder(folder: string, config?: unknown, backend?: Backend): Promise<LoadedModel> {
  const source = folderSource(folder);
  const read = config ?? (JSON.parse(await readText(source, 'config.json')) as unknown);
  return loadModel(read, await openTensors(source), FAMILIES, backend);
}

export async function loadModel(
  config: unknown,
  index: TensorIndex,
  families: readonly FamilyDefinition[] = FAMILIES,
  backend?: Backend,
): Promise<LoadedModel> {
  const { runtime, linalg } = backend ?? (await startWasm(1));
  const model = await LanguageModel.load(createFamily(config, index, families), index, runtime, linalg);
  return { model, index };
}

/** The tensors of one safetensors file. */
export async function indexOf(source: ByteSource): Promise<TensorIndex> {
  return TensorIndex.of([await readSafetensors(source)]);
}
