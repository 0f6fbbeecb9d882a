/**
 * Patches as files: a safetensors file with the deltas' numbers and, in its metadata under `memit_patch`, JSON that describes the rest. Small
 * (kilobytes per edit and layer), and readable by any safetensors library.
 *
 * Version 3 has whatever grows with the edits as tensors, as headers are bounded: requests and report are the bytes of their JSON, the report's
 * losses numbers (patch-report.ts). Version 2, which is still read, has all that in the header; version 1 has the two factors of every layer.
 */
import { z } from 'zod';
import { PatchError, SafetensorsError } from '../errors.ts';
import { decodeUtf8, parseJson } from '../text.ts';
import { memorySource, type ByteSource } from '../weights/byte-source.ts';
import { encodeFloats, firstNotFinite } from '../weights/dtype.ts';
import { collect, safetensorsParts, type TensorToWrite } from '../weights/safetensors-writer.ts';
import { readBytes, readFloats, readSafetensors, type SafetensorsFile } from '../weights/safetensors.ts';
import type { Patch } from './patch.ts';
import { joinReport, splitReport, tableForm, tableFrom, tableTensor, type NumberTable } from './patch-report.ts';
import type { WeightDelta } from './weight-delta.ts';

/** Raised when a reader of the old format would misread the new one. */
export const PATCH_FORMAT_VERSION = 3;

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

const requestsSchema = z.array(requestSchema).min(1);

/** What all versions have in the header. */
const commonSchema = z.object({
  id: z.string().min(1),
  name: z.string(),
  createdAt: z.iso.datetime({ offset: true }),
  modelHash: z.string().min(1),
  modelName: z.string(),
  method: z.string().min(1),
  settings: z.record(z.string(), z.unknown()),
  contexts: z.array(z.string()),
});

const size = z.int().positive();

/** A delta without its numbers. */
const deltaSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('low-rank'),
    tensor: z.string().min(1),
    fanInFanOut: z.boolean(),
    rank: size,
    outSize: size,
    inSize: size,
  }),
  z.object({ kind: z.literal('dense'), tensor: z.string().min(1), shape: z.array(size).min(1) }),
]);

const inHeader = { requests: requestsSchema, report: z.unknown() };

const version1Schema = commonSchema.extend({
  ...inHeader,
  contexts: z.array(z.string()).min(1),
  layers: z
    .array(
      z.object({
        layer: z.int().nonnegative(),
        tensorName: z.string().min(1),
        editCount: size,
        hiddenSize: size,
        innerSize: size,
        transposed: z.boolean(),
      }),
    )
    .min(1),
});
const version2Schema = commonSchema.extend({ ...inHeader, deltas: z.array(deltaSchema).min(1) });
const version3Schema = commonSchema.extend({
  deltas: z.array(deltaSchema).min(1),
  /** Bytes of JSON. */
  requestBytes: size,
  reportBytes: size,
  /** Of the report. */
  tables: z.array(z.object({ field: z.string(), rows: size, columns: z.array(z.string()).min(1) })),
});

type DeltaHeader = z.infer<typeof deltaSchema>;

/** The settings a method has; undefined for a method that is not known. */
export type SettingsSchemas = (method: string) => z.ZodType | undefined;

/** A tensor of the file: its name and shape. */
interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Names of a low-rank delta's two tensors after its weight's, by version. */
const FACTOR_NAMES = { 1: ['residual', 'adjusted_keys'], 2: ['left', 'right'], 3: ['left', 'right'] } as const;
type Version = keyof typeof FACTOR_NAMES;

/** Tensors of JSON. */
const REQUESTS = 'requests';
const REPORT = 'report';

/**
 * The patch as a file.
 * @throws PatchError when a delta's numbers do not fill its shape or are not finite.
 */
export async function writePatchFile(patch: Patch): Promise<Uint8Array> {
  const { deltas, requests, report, ...rest } = patch;
  const headers = deltas.map((delta) => deltaSchema.parse(delta));
  const tensors = deltas.flatMap((delta, i) => {
    const values = delta.kind === 'dense' ? [delta.values] : [delta.left, delta.right];
    return storedTensors(headers[i], PATCH_FORMAT_VERSION).map((stored, part) => toWrite(stored, values[part]));
  });
  const { rest: reportRest, tables } = splitReport(report);
  // undefined is no JSON.
  const [requestText, reportText] = [requests, reportRest ?? null].map((value) => encode(JSON.stringify(value)));
  const header = {
    formatVersion: PATCH_FORMAT_VERSION,
    ...rest,
    deltas: headers,
    requestBytes: requestText.length,
    reportBytes: reportText.length,
    tables: tables.map(({ field, columns, values }) => ({ field, rows: values.length / columns.length, columns })),
  };
  const described = [...tables.map(tableTensor), textTensor(REQUESTS, requestText), textTensor(REPORT, reportText)];
  // Bytes last: what stands behind them need not be aligned.
  return collect(safetensorsParts([...tensors, ...described], { [METADATA_KEY]: JSON.stringify(header) }));
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textTensor(name: string, bytes: Uint8Array): TensorToWrite {
  return { name, dtype: 'U8', shape: [bytes.length], bytes: () => bytes };
}

/** The tensors that hold a delta's numbers: one, or its left and right factor. */
function storedTensors(delta: DeltaHeader, version: Version): StoredTensor[] {
  if (delta.kind === 'dense') return [{ name: `${delta.tensor}.delta`, shape: delta.shape }];
  const { tensor, rank, outSize, inSize } = delta;
  const [left, right] = FACTOR_NAMES[version];
  return [
    { name: `${tensor}.${left}`, shape: [rank, outSize] },
    { name: `${tensor}.${right}`, shape: [rank, inSize] },
  ];
}

function toWrite(stored: StoredTensor, values: Float32Array): TensorToWrite {
  assertNumbers(stored, values);
  return { ...stored, dtype: 'F32', bytes: () => encodeFloats(values, 'F32') };
}

function assertNumbers({ name, shape }: StoredTensor, values: Float32Array): void {
  if (values.length !== shape.reduce((product, dim) => product * dim, 1)) {
    throw new PatchError(`The patch's tensor “${name}” has ${values.length} values, not ${shape.join(' × ')}.`, {
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
 * @param settingsOf what the settings of a method must look like
 * @throws PatchError when it is no patch, was written by another version or by a method that is not known, or is damaged;
 * DownloadError when it cannot be read.
 */
export async function readPatchFile(file: Uint8Array | ByteSource, settingsOf: SettingsSchemas): Promise<Patch> {
  const source = file instanceof Uint8Array ? memorySource('patch', file) : file;
  try {
    return await readPatch(await readSafetensors(source), settingsOf);
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw new PatchError(`“${source.name}” cannot be read as a patch: ${cause.message}`, {
      kept: KEPT,
      next: cause.next || 'Choose a patch file that this page or its command line wrote.',
      cause,
    });
  }
}

async function readPatch(file: SafetensorsFile, settingsOf: SettingsSchemas): Promise<Patch> {
  const { json, version } = parseHeader(file);
  const { deltas: headers, ...rest } = await described(file, json, version);
  const settings = settingsOf(rest.method);
  if (!settings) {
    throw new PatchError(`The patch’s “method” is “${rest.method}”, which this program does not know.`, {
      kept: KEPT,
      next: 'Use the version of the program that wrote it.',
    });
  }
  checked(z.object({ settings }), { settings: rest.settings });
  const names = new Set<string>();
  const deltas: WeightDelta[] = [];
  for (const header of headers) {
    if (names.has(header.tensor)) throw new PatchError(`The patch edits “${header.tensor}” twice.`, { kept: KEPT });
    names.add(header.tensor);
    const [first, second] = await Promise.all(
      storedTensors(header, version).map((stored) => readNumbers(file, stored)),
    );
    deltas.push(header.kind === 'dense' ? { ...header, values: first } : { ...header, left: first, right: second });
  }
  return { ...rest, deltas };
}

/** All of a patch but the numbers of its deltas. */
async function described(
  file: SafetensorsFile,
  json: unknown,
  version: Version,
): Promise<z.infer<typeof version2Schema>> {
  if (version === 1) return fromVersion1(json);
  if (version === 2) return checked(version2Schema, json);
  const { requestBytes, reportBytes, tables: forms, ...rest } = checked(version3Schema, json);
  const text = async (name: string, length: number): Promise<unknown> => {
    const bytes = await readBytes(file, { name, dtype: 'U8', shape: [length] });
    const damaged = (cause: unknown): PatchError =>
      new PatchError(`The patch’s “${name}” is not valid JSON.`, { kept: KEPT, cause });
    return parseJson(decodeUtf8(bytes, damaged), (_, cause) => damaged(cause));
  };
  const { requests } = checked(z.object({ requests: requestsSchema }), {
    requests: await text(REQUESTS, requestBytes),
  });
  const tables: NumberTable[] = [];
  for (const { field, rows, columns } of forms) {
    tables.push(tableFrom(field, columns, await readBytes(file, tableForm(field, rows, columns))));
  }
  return { ...rest, requests, report: joinReport(await text(REPORT, reportBytes), tables) };
}

/** Factors of an edited layer each, as rows of the edits. */
function fromVersion1(json: unknown): z.infer<typeof version2Schema> {
  const { layers, ...rest } = checked(version1Schema, json);
  const other = layers.find(({ editCount }) => editCount !== rest.requests.length);
  if (other) {
    throw new PatchError(
      `The patch has ${rest.requests.length} edits, and ${other.editCount} in layer ${other.layer}.`,
      { kept: KEPT },
    );
  }
  return {
    ...rest,
    deltas: layers.map(({ tensorName, editCount, hiddenSize, innerSize, transposed }) => ({
      kind: 'low-rank',
      tensor: tensorName,
      fanInFanOut: transposed,
      rank: editCount,
      outSize: hiddenSize,
      inSize: innerSize,
    })),
  };
}

function parseHeader(file: SafetensorsFile): { json: unknown; version: Version } {
  const text = Object.hasOwn(file.metadata, METADATA_KEY) ? file.metadata[METADATA_KEY] : null;
  if (text === null) {
    throw new PatchError(`“${file.source.name}” is a safetensors file, but not a patch.`, {
      kept: KEPT,
      next: 'Open a file that was saved with “Patch file”; to open a model, pick its config and tokenizer too.',
    });
  }
  const json = parseJson(
    text,
    (_, cause) => new PatchError('The patch’s description is not valid JSON.', { kept: KEPT, cause }),
  );
  const version = z.object({ formatVersion: z.number() }).safeParse(json).data?.formatVersion;
  if (version === 1 || version === 2 || version === PATCH_FORMAT_VERSION) return { json, version };
  throw new PatchError(
    `The patch has format version ${version ?? 'unknown'}; this program reads versions up to ${PATCH_FORMAT_VERSION}.`,
    { kept: KEPT, next: 'Use the version of the program that wrote it, or make the edit again.' },
  );
}

function checked<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PatchError(`The patch’s “${issue.path.join('.')}” is not usable: ${issue.message}.`, { kept: KEPT });
}

async function readNumbers(file: SafetensorsFile, stored: StoredTensor): Promise<Float32Array> {
  const { name, shape } = stored;
  const entry = file.tensors.find((tensor) => tensor.name === name);
  if (!entry) throw new PatchError(`The patch lacks its tensor “${name}”.`, { kept: KEPT });
  if (entry.shape.join() !== shape.join()) {
    throw new PatchError(
      `The patch's tensor “${name}” has shape [${entry.shape.join(', ')}], and its description says [${shape.join(', ')}].`,
      { kept: KEPT },
    );
  }
  const values = await readFloats(file, name);
  assertNumbers(stored, values);
  return values;
}
