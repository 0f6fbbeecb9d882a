/**
 * Patches as files: a safetensors file with the factors of every layer and, in its metadata under `memit_patch`, JSON with
 * everything else. Small (kilobytes per edit and layer), and readable by any safetensors library.
 */
import { z } from 'zod';
import type { LayerUpdate, Patch } from './patch.ts';
import { memitSettingsSchema } from '../methods/memit/settings.ts';
import { PatchError, SafetensorsError } from '../errors.ts';
import { memorySource, type ByteSource } from '../weights/byte-source.ts';
import { encodeFloats, firstNotFinite } from '../weights/dtype.ts';
import { collect, safetensorsParts, type TensorToWrite } from '../weights/safetensors-writer.ts';
import { readFloats, readSafetensors, type SafetensorsFile } from '../weights/safetensors.ts';

/** Raised when a reader of the old format would misread the new one. */
export const PATCH_FORMAT_VERSION = 1;

const METADATA_KEY = 'memit_patch';

const KEPT = 'The model and the history are as they were.';

const requestSchema = z.object({
  caseId: z.union([z.number(), z.string()]).optional(),
  prompt: z.string(),
  subject: z.string(),
  targetNew: z.string(),
  targetTrue: z.string().optional(),
  relationId: z.string().optional(),
});

const layerSchema = z.object({
  layer: z.int().nonnegative(),
  tensorName: z.string().min(1),
  editCount: z.int().positive(),
  hiddenSize: z.int().positive(),
  intermediateSize: z.int().positive(),
  transposed: z.boolean(),
});

const patchSchema = z.object({
  id: z.string().min(1),
  name: z.string(),
  createdAt: z.iso.datetime({ offset: true }),
  modelHash: z.string().min(1),
  modelName: z.string(),
  method: z.literal('memit'),
  requests: z.array(requestSchema).min(1),
  settings: memitSettingsSchema,
  contexts: z.array(z.string()).min(1),
  layers: z.array(layerSchema).min(1),
  report: z.unknown(),
});

/**
 * The patch as a file.
 * @throws PatchError when a factor's length does not fit its shape or holds a value that is not finite.
 */
export async function writePatchFile(patch: Patch): Promise<Uint8Array> {
  const layers = patch.layers.map(({ layer, tensorName, editCount, hiddenSize, intermediateSize, transposed }) => {
    return { layer, tensorName, editCount, hiddenSize, intermediateSize, transposed };
  });
  const tensors = patch.layers.flatMap((update) => {
    const { residual, adjustedKeys } = factorLayouts(update);
    return [factorToWrite(residual, update.residual), factorToWrite(adjustedKeys, update.adjustedKeys)];
  });
  const header = { formatVersion: PATCH_FORMAT_VERSION, ...patch, layers };
  return collect(safetensorsParts(tensors, { [METADATA_KEY]: JSON.stringify(header) }));
}

interface FactorLayout {
  name: string;
  shape: readonly [rows: number, columns: number];
}

/** Names and shapes of a layer's two tensors in the file. */
function factorLayouts(layer: z.infer<typeof layerSchema>): { residual: FactorLayout; adjustedKeys: FactorLayout } {
  const { tensorName, editCount, hiddenSize, intermediateSize } = layer;
  return {
    residual: { name: `${tensorName}.residual`, shape: [editCount, hiddenSize] },
    adjustedKeys: { name: `${tensorName}.adjusted_keys`, shape: [editCount, intermediateSize] },
  };
}

function factorToWrite(layout: FactorLayout, values: Float32Array): TensorToWrite {
  assertFactor(layout, values);
  return { ...layout, dtype: 'F32', bytes: () => encodeFloats(values, 'F32') };
}

function assertFactor({ name, shape: [rows, columns] }: FactorLayout, values: Float32Array): void {
  if (values.length !== rows * columns) {
    throw new PatchError(`The patch's tensor “${name}” has ${values.length} values, not ${rows} × ${columns}.`, {
      kept: KEPT,
    });
  }
  const index = firstNotFinite(values, 'F32');
  if (index !== -1) {
    throw new PatchError(`The patch's tensor “${name}” holds ${values[index]} at position ${index}.`, { kept: KEPT });
  }
}

/**
 * The patch in a file; everything in it is checked.
 * @throws PatchError when it is no patch, was written by another version, or is damaged; DownloadError when it cannot be read.
 */
export async function readPatchFile(file: Uint8Array | ByteSource): Promise<Patch> {
  const source = file instanceof Uint8Array ? memorySource('patch', file) : file;
  try {
    return await readPatch(await readSafetensors(source));
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw new PatchError(`“${source.name}” cannot be read as a patch: ${cause.message}`, {
      kept: KEPT,
      next: cause.next || 'Choose a patch file that this page or its command line wrote.',
      cause,
    });
  }
}

async function readPatch(file: SafetensorsFile): Promise<Patch> {
  const { layers, ...rest } = parseHeader(file);
  const names = new Set<string>();
  const updates: LayerUpdate[] = [];
  for (const layer of layers) {
    if (names.has(layer.tensorName))
      throw new PatchError(`The patch edits “${layer.tensorName}” twice.`, { kept: KEPT });
    names.add(layer.tensorName);
    if (layer.editCount !== rest.requests.length) {
      throw new PatchError(
        `The patch has ${rest.requests.length} edits, and ${layer.editCount} in layer ${layer.layer}.`,
        { kept: KEPT },
      );
    }
    const { residual, adjustedKeys } = factorLayouts(layer);
    updates.push({
      ...layer,
      residual: await readFactor(file, residual),
      adjustedKeys: await readFactor(file, adjustedKeys),
    });
  }
  return { ...rest, layers: updates };
}

function parseHeader(file: SafetensorsFile): z.infer<typeof patchSchema> {
  const text = Object.hasOwn(file.metadata, METADATA_KEY) ? file.metadata[METADATA_KEY] : null;
  if (text === null) {
    throw new PatchError(`“${file.source.name}” is a safetensors file, but not a patch.`, {
      kept: KEPT,
      next: 'Open a file that was saved with “Patch file”; to open a model, pick its config and tokenizer too.',
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PatchError('The patch’s description is not valid JSON.', { kept: KEPT, cause });
  }
  const version = z.object({ formatVersion: z.number() }).safeParse(json).data?.formatVersion;
  if (version !== PATCH_FORMAT_VERSION) {
    throw new PatchError(
      `The patch has format version ${version ?? 'unknown'}; this program reads version ${PATCH_FORMAT_VERSION}.`,
      { kept: KEPT, next: 'Use the version of the program that wrote it, or make the edit again.' },
    );
  }
  const parsed = patchSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new PatchError(`The patch’s “${issue.path.join('.')}” is not usable: ${issue.message}.`, { kept: KEPT });
  }
  return parsed.data;
}

async function readFactor(file: SafetensorsFile, layout: FactorLayout): Promise<Float32Array> {
  const { name, shape } = layout;
  const entry = file.tensors.find((tensor) => tensor.name === name);
  if (!entry) throw new PatchError(`The patch lacks its tensor “${name}”.`, { kept: KEPT });
  if (entry.shape.join() !== shape.join()) {
    throw new PatchError(
      `The patch's tensor “${name}” has shape [${entry.shape.join(', ')}], and its description says [${shape.join(', ')}].`,
      { kept: KEPT },
    );
  }
  const values = await readFloats(file, name);
  assertFactor(layout, values);
  return values;
}

/** What a patch is checked against: the open model. */
export interface PatchTarget {
  hash: string;
  name: string;
  /** Shapes of the weights by their names in the safetensors file. */
  tensors: ReadonlyMap<string, readonly number[]>;
}

/** @throws PatchError when the patch was made with another model, or edits a weight this one lacks or has in another shape. */
export function assertPatchFits(patch: Patch, model: PatchTarget): void {
  const advice = { kept: `“${model.name}” and its history are as they were.` };
  if (patch.modelHash !== model.hash) {
    const same = patch.modelName === model.name ? ' with other weights or another config' : '';
    throw new PatchError(
      `The patch “${patch.name}” was made with the model “${patch.modelName}”${same}; the open model is “${model.name}”.`,
      { ...advice, next: `Open “${patch.modelName}” as it was when the patch was made, then import the patch again.` },
    );
  }
  for (const { tensorName, hiddenSize, intermediateSize, transposed } of patch.layers) {
    const shape = model.tensors.get(tensorName);
    const wanted = transposed ? [intermediateSize, hiddenSize] : [hiddenSize, intermediateSize];
    if (shape?.join() === wanted.join()) continue;
    const found = shape ? `has it as [${shape.join(', ')}]` : 'has no such weight';
    throw new PatchError(
      `The patch “${patch.name}” edits “${tensorName}” [${wanted.join(', ')}]; the model “${model.name}” ${found}.`,
      advice,
    );
  }
}
