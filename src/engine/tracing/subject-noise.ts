/** How strong the noise is: three times the standard deviation of subjects' token embeddings (reference: collect_embedding_std). */
import type { LanguageModel } from '../model/language-model.ts';
import { readFloats } from '../runtime/device.ts';
import { scoped } from '../runtime/scope.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';

const NOISE_FACTOR = 3;
/** Table rows read at once. */
const ROWS_PER_READ = 4096;

/**
 * Three times the standard deviation over all numbers of the token embeddings (positions left out) of `subjects`, each taken by itself;
 * a token that occurs twice counts twice.
 */
export async function subjectNoise(
  model: LanguageModel,
  tokenizer: ModelTokenizer,
  subjects: readonly string[],
): Promise<number> {
  const counts = new Map<number, number>();
  for (const subject of subjects) {
    for (const id of tokenizer.encode(subject, { special: true })) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const [{ tensor: table }] = model.family.embeddingWeights();
  const { hiddenSize: width, embeddingScale = 1 } = model.config;
  const ids = [...counts.keys()];
  // Welford's sums would be safer for a mean far from zero; embeddings are centred, and the sums are in double precision.
  let [numbers, sum, squares] = [0, 0, 0];
  for (let at = 0; at < ids.length; at += ROWS_PER_READ) {
    const some = ids.slice(at, at + ROWS_PER_READ);
    const values = await scoped(async (scope) => {
      const index = scope.track(model.runtime.device.upload(Int32Array.from(some), [some.length]));
      return readFloats(model.runtime.device, scope.track(await model.weightRows(model.weights, table, index)));
    });
    some.forEach((id, row) => {
      const count = counts.get(id) ?? 0;
      for (let d = 0; d < width; d += 1) {
        const value = values[row * width + d];
        sum += count * value;
        squares += count * value * value;
      }
      numbers += count * width;
    });
  }
  return NOISE_FACTOR * embeddingScale * Math.sqrt((squares - (sum * sum) / numbers) / (numbers - 1));
}
