/**
 * Context templates (Meng et al. 2022, section 3.1, step 2; reference: memit_main.get_context_templates): the bare prompt and five short
 * texts the model writes itself, put before the prompt so that the edit holds after other text too.
 */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { continueRows } from '../model/decoding.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import { seededRandom } from '../random.ts';
import { sampleTopK } from '../model/sampling.ts';

const STARTS = ['The', 'Therefore', 'Because', 'I', 'You'];
/** Tokens of a generated context, its start included. */
const CONTEXT_TOKENS = 10;
const TOP_K = 5;

export const PLAIN_CONTEXT = '{}';

/** The plain context and five drawn from the model with `seed`; every one holds exactly one {}. */
export async function generateContexts(
  model: LanguageModel,
  weights: WeightSet,
  tokenizer: ModelTokenizer,
  seed: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const rows = STARTS.map((start) => tokenizer.encode(start, { special: true }));
  // One stream per row, so that a text does not depend on how many tokens the others took.
  const streams = STARTS.map((_, row) => seededRandom(seed * STARTS.length + row));
  const endOfText = tokenizer.endOfTextId;
  const added = await continueRows(
    model,
    weights,
    rows,
    rows.map((row) => Math.max(0, CONTEXT_TOKENS - row.length)),
    (logits, row) => {
      const allowed = logits.slice();
      if (endOfText !== null) allowed[endOfText] = -Infinity;
      return sampleTopK(allowed, TOP_K, streams[row]);
    },
    { signal },
  );
  const texts = STARTS.map((start, row) => (start + tokenizer.decode(added[row])).normalize('NFKD'));
  return [PLAIN_CONTEXT, ...texts.map((text) => `${text.replaceAll('\n', ' ').replace(/[{}]/g, ' ')}. {}`)];
}

/** Context templates as a file has them; {@link validateContexts} looks at what they say. */
export const contextsSchema = z.array(z.string()).min(1);

/**
 * Checks a given list of contexts: the plain one first, every one with exactly one {}.
 * @throws EngineError ('input')
 */
export function validateContexts(contexts: readonly string[]): readonly string[] {
  if (contexts[0] !== PLAIN_CONTEXT) throw new EngineError('input', 'The first context template must be "{}".');
  contexts.forEach((context, i) => {
    if (context.split('{}').length !== 2) {
      throw new EngineError('input', `Context template ${i + 1} must hold exactly one {}: “${context}”.`);
    }
  });
  return contexts;
}
