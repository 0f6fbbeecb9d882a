/** A GGUF file as the folder in Hugging Face layout that it would be: config, tokenizer and weights are made from it when they are asked for. */
import { throwIfCancelled } from '../../errors.ts';
import { memorySource, type ByteSource } from '../../weights/byte-source.ts';
import { readGguf, type GgufFile, type GgufTensor } from '../../weights/gguf/gguf-file.ts';
import { safetensorsView, type ViewedTensor } from '../../weights/gguf/safetensors-view.ts';
import { decodeFloats } from '../../weights/dtype.ts';
import type { ModelFile, ModelSource } from '../model-source.ts';
import { ARCHITECTURES, type Architecture, type Config, type TensorFacts } from './architectures.ts';
import { GgufMetadata } from './metadata.ts';
import { tokenizerFiles } from './tokenizer-files.ts';

const WEIGHTS = 'model.safetensors';

/**
 * @param path of the GGUF file in `source`, whose other files stay there too (facts.json, statistics …)
 * @throws ModelError when it is not a GGUF file, is damaged, or is of an architecture, a number format or a tokenizer that is not read, each
 * by its name; MissingFileError, DownloadError, CancelledError
 */
export async function ggufFolder(
  source: ModelSource,
  path: string,
  onProgress?: Parameters<ModelSource['open']>[1],
  signal?: AbortSignal,
): Promise<ModelSource> {
  const file = await readGguf(await source.open(path, onProgress, signal), signal);
  const made = await filesOf(file, signal);
  const isMade = (name: string): boolean => made.has(name) || name === path;
  return {
    id: source.id,
    revision: source.revision,
    name: source.name,
    made: [...made.keys()],
    list: async (abort) => {
      const others = ((await source.list(abort)) ?? []).filter((each) => !isMade(each.path));
      const own = [...made].map(([name, bytes]): ModelFile => ({ path: name, size: bytes.size, sha256: null }));
      return [...own, ...others];
    },
    open: async (name, report, abort) => {
      throwIfCancelled(abort);
      const bytes = made.get(name);
      if (!bytes) return source.open(name, report, abort);
      report?.({ file: name, loaded: bytes.size, total: bytes.size });
      return bytes;
    },
  };
}

/** The files that are made of it, by name. */
async function filesOf(file: GgufFile, signal?: AbortSignal): Promise<ReadonlyMap<string, ByteSource>> {
  const metadata = new GgufMetadata(file);
  const name = metadata.text('general.architecture');
  const architecture = ARCHITECTURES.get(name);
  if (!architecture) {
    throw metadata.refusal(
      `its architecture is “${name}”; ${[...ARCHITECTURES.keys()].join(', ')} are opened`,
      'Use a model of one of these architectures.',
    );
  }
  const parts = metadata.optionalNumber('split.count') ?? 1;
  if (parts > 1) {
    throw metadata.refusal(
      `it is one of ${parts} parts`,
      'Join them with llama-gguf-split --merge, and open the result.',
    );
  }
  const config = architecture.config(metadata, await factsOf(file, metadata, signal));
  const tokenizer = tokenizerFiles(metadata);
  const idOf = (token: string): number | null => metadata.optionalNumber(`tokenizer.ggml.${token}_token_id`) ?? null;
  return new Map([
    json('config.json', { ...config, bos_token_id: idOf('bos'), eos_token_id: idOf('eos') }),
    json('tokenizer.json', tokenizer.tokenizer),
    json('tokenizer_config.json', tokenizer.config),
    [WEIGHTS, safetensorsView(WEIGHTS, file, viewedTensors(file, metadata, architecture, config))],
  ]);
}

function json(name: string, value: object): [string, ByteSource] {
  return [name, memorySource(name, new TextEncoder().encode(`${JSON.stringify(value)}\n`))];
}

async function factsOf(file: GgufFile, metadata: GgufMetadata, signal?: AbortSignal): Promise<TensorFacts> {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const embedding = byName.get('token_embd.weight');
  if (!embedding) throw metadata.refusal('it has no tensor “token_embd.weight”');
  const factors = async (name: string): Promise<readonly number[] | undefined> => {
    const tensor = byName.get(name);
    if (!tensor) return undefined;
    if (tensor.type.dequantize) throw metadata.refusal(`its tensor “${name}” is stored as ${tensor.type.name}`);
    return [...(await plainValues(file, tensor, signal))];
  };
  return {
    has: (name) => byName.has(name),
    vocabularySize: embedding.shape[0],
    frequencyDivisors: await factors('rope_freqs.weight'),
    shortFactors: await factors('rope_factors_short.weight'),
    longFactors: await factors('rope_factors_long.weight'),
  };
}

async function plainValues(
  { source }: GgufFile,
  { start, end, type, shape }: GgufTensor,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const values = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1));
  decodeFloats(await source.read(start, end, signal), type.dtype, values);
  return values;
}

/** Every tensor under its name in Hugging Face layout, in the file's order. @throws ModelError naming one that has none */
function viewedTensors(
  { tensors }: GgufFile,
  metadata: GgufMetadata,
  { outer, inBlock, blockPrefix, arrangement }: Architecture,
  config: Config,
): ViewedTensor[] {
  return tensors.flatMap((tensor): ViewedTensor[] => {
    const block = /^blk\.(\d+)\.((.+)\.(weight|bias))$/.exec(tensor.name);
    const own = block ? block[2] : tensor.name;
    const arranged = arrangement?.(own, config);
    const placed = { tensor, ...(arranged && { arrangement: arranged }) };
    if (!block) {
      const name = Object.hasOwn(outer, own) ? outer[own] : undefined;
      if (name === undefined) throw unknown(metadata, tensor);
      return name === null ? [] : [{ name, ...placed }];
    }
    const [, index, , part, kind] = block;
    if (!Object.hasOwn(inBlock, part)) throw unknown(metadata, tensor);
    return [{ name: `${blockPrefix(Number(index))}${inBlock[part]}.${kind}`, ...placed }];
  });
}

function unknown(metadata: GgufMetadata, { name }: GgufTensor): Error {
  return metadata.refusal(`its tensor “${name}” is not known of its architecture`);
}
