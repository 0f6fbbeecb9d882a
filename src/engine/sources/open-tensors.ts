/** The weights of a model: model.safetensors, or the shards that model.safetensors.index.json lists. */
import { z } from 'zod';
import { SafetensorsError } from '../errors.ts';
import { parseJson } from '../text.ts';
import { readSafetensors, type SafetensorsFile } from '../weights/safetensors.ts';
import { TensorIndex } from '../weights/tensor-index.ts';
import {
  isPlainFileName,
  MissingFileError,
  optionalText,
  type ByteProgress,
  type ModelSource,
} from './model-source.ts';

const WHOLE = 'model.safetensors';
const SHARD_INDEX = 'model.safetensors.index.json';

const NEXT = { next: 'The index is damaged or from another model; download it again.' };

/** Which shard holds each tensor, and how many bytes of data all have (0 where the index does not say). */
interface ShardIndex {
  readonly shardOf: ReadonlyMap<string, string>;
  readonly dataBytes: number;
}

/**
 * Opens the weights and checks every header. The whole file counts where there is one, else the shards, in the order of their names.
 * @param onProgress bytes over all shards; `file` is the one at hand, and `total` leaves the shards' headers out until they are there
 * @throws MissingFileError naming what is not there: the whole file where there is no index either, or a shard; SafetensorsError when
 * a header or the index is damaged, or a shard lacks a tensor that the index says it holds; DownloadError, CancelledError
 */
export async function openTensors(
  source: ModelSource,
  onProgress?: (progress: ByteProgress) => void,
  signal?: AbortSignal,
): Promise<TensorIndex> {
  try {
    const whole = await source.open(WHOLE, onProgress, signal);
    return TensorIndex.of([await readSafetensors(whole, signal)]);
  } catch (error) {
    if (!(error instanceof MissingFileError)) throw error;
    const text = await optionalText(source, SHARD_INDEX, signal);
    if (text === null) throw error;
    return openShards(source, parseShardIndex(text), onProgress, signal);
  }
}

async function openShards(
  source: ModelSource,
  { shardOf, dataBytes }: ShardIndex,
  onProgress?: (progress: ByteProgress) => void,
  signal?: AbortSignal,
): Promise<TensorIndex> {
  const names = [...new Set(shardOf.values())].sort();
  const shards = new Map<string, SafetensorsFile>();
  /** Of the shards before. */
  let bytes = 0;
  for (const name of names) {
    const report = ({ loaded }: { loaded: number }): void => {
      const soFar = bytes + loaded;
      onProgress?.({ file: name, loaded: soFar, total: dataBytes === 0 ? 0 : Math.max(dataBytes, soFar) });
    };
    const shard = await source.open(name, report, signal);
    bytes += shard.size;
    shards.set(name, await readSafetensors(shard, signal));
  }
  onProgress?.({ file: names[names.length - 1], loaded: bytes, total: bytes });
  const index = TensorIndex.of([...shards.values()]);
  for (const [tensor, name] of shardOf) {
    if (index.get(tensor)?.shard === shards.get(name)) continue;
    throw new SafetensorsError(
      `“${name}” lacks the tensor “${tensor}”, which ${SHARD_INDEX} says it holds.`,
      tensor,
      NEXT,
    );
  }
  return index;
}

const shardIndexSchema = z.object({
  // Not a record schema: that would drop a tensor called "__proto__".
  weight_map: z.custom<object>((map) => typeof map === 'object' && map !== null && !Array.isArray(map)),
  metadata: z.object({ total_size: z.number().nonnegative() }).optional().catch(undefined),
});

function parseShardIndex(text: string): ShardIndex {
  const fail = (what: string, cause?: unknown): SafetensorsError =>
    new SafetensorsError(`${SHARD_INDEX} ${what}.`, null, { ...NEXT, cause });
  const json = parseJson(text, (reason, cause) => fail(`is not valid JSON: ${reason}`, cause));
  const parsed = shardIndexSchema.safeParse(json);
  if (!parsed.success) throw fail('has no “weight_map” from tensors to files');
  const shardOf = new Map<string, string>();
  for (const [tensor, name] of Object.entries(parsed.data.weight_map) as [string, unknown][]) {
    if (!isPlainFileName(name)) {
      throw fail(
        `puts the tensor “${tensor}” into ${JSON.stringify(name)}, which is not the name of a file in the folder`,
      );
    }
    shardOf.set(tensor, name);
  }
  if (shardOf.size === 0) throw fail('lists no tensor');
  return { shardOf, dataBytes: parsed.data.metadata?.total_size ?? 0 };
}
