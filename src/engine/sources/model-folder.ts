/** A model's files in Hugging Face layout, whichever form the source has them in. */
import { EngineError } from '../errors.ts';
import { ggufFolder } from './gguf/gguf-folder.ts';
import type { ByteProgress, ModelSource } from './model-source.ts';

/**
 * The source itself; or, where its only weights are a GGUF file, the folder that this file would be.
 * @throws EngineError ('input') when there are several GGUF files; ModelError when the one there is cannot be opened; DownloadError,
 * CancelledError
 */
export async function modelFolder(
  source: ModelSource,
  onProgress?: (progress: ByteProgress) => void,
  signal?: AbortSignal,
): Promise<ModelSource> {
  const files = (await source.list(signal)) ?? [];
  const ending = (end: string): string[] =>
    files.filter(({ path }) => path.toLowerCase().endsWith(end)).map(({ path }) => path);
  const ggufs = ending('.gguf');
  if (ggufs.length === 0 || ending('.safetensors').length + ending('.safetensors.index.json').length > 0) return source;
  if (ggufs.length > 1) {
    throw new EngineError('input', `There are ${ggufs.length} GGUF files: ${ggufs.join(', ')}.`, {
      next: 'Open one of them alone.',
    });
  }
  return ggufFolder(source, ggufs[0], onProgress, signal);
}
