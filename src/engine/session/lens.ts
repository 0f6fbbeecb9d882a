/** The logit lens of an open model's prompts, without its patches and with those in force. */
import type { Job } from '../job.ts';
import { largest, smallest } from '../extent.ts';
import { topNextTokens } from '../evaluation/score.ts';
import { readLens, type LensGrid } from '../lens/lens.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { answerText } from '../tokens/request.ts';
import { promptIds } from './asking.ts';
import type { ModelSession } from './session.ts';

/** An answer whose way through the layers is followed, by its first token. */
export interface FollowedAnswer {
  /** `old`: what the model as it came says, or is to have said; `new`: what patches make of it, or are to. */
  readonly role: 'old' | 'new';
  readonly id: number;
}

export interface LensComparison {
  /** Tokens of the prompt. */
  readonly ids: readonly number[];
  /** In the order of the cells' `asked`. */
  readonly followed: readonly FollowedAnswer[];
  /** Of the model as it came. */
  readonly before: LensGrid;
  /** With the patches in force; null where there are none. */
  readonly after: LensGrid | null;
}

export interface LensQuestion {
  readonly prompt: string;
  /** The answer before edits; the model's own when absent. */
  readonly old?: string;
  /** The answer of an edit; where it is absent, what the model with its patches says. */
  readonly new?: string;
}

/** @throws RequestError for an empty or too long prompt; CancelledError */
export async function compareLens(
  session: ModelSession,
  question: LensQuestion,
  job: Job = {},
  onProgress?: (done: number, total: number) => void,
): Promise<LensComparison> {
  const { model, tokenizer, stack } = session;
  const { layerCount } = model.config;
  const ids = promptIds(session, question.prompt);
  const edited = stack.enabled.length > 0 ? await session.weights() : null;
  const says = async (weights: WeightSet): Promise<number> => {
    const [top] = await topNextTokens(model, weights, [ids], job.signal);
    return top[0].id;
  };
  const firstOf = (object: string): number => tokenizer.encodeAfter(question.prompt, answerText(object))[0];
  const given = (object: string | undefined): object is string => object !== undefined && object.trim() !== '';
  const old = given(question.old) ? firstOf(question.old) : await says(model.weights);
  const changed = given(question.new) ? firstOf(question.new) : edited && (await says(edited));
  const followed: FollowedAnswer[] = [{ role: 'old', id: old }];
  if (changed !== null && changed !== old) followed.push({ role: 'new', id: changed });

  const total = edited ? 2 * layerCount : layerCount;
  const asked = followed.map(({ id }) => id);
  const lens = (weights: WeightSet, offset: number): Promise<LensGrid> =>
    readLens(model, weights, ids, { asked, job, onLayer: (done) => onProgress?.(offset + done, total) });
  const before = await lens(model.weights, 0);
  return { ids, followed, before, after: edited && (await lens(edited, layerCount)) };
}

/** First and last layer that the patches in force change; null where none does. */
export function editedLayers({ stack, model }: ModelSession): { first: number; last: number } | null {
  const names = new Set(stack.enabled.flatMap(({ deltas }) => deltas.map(({ tensor }) => tensor)));
  const layers = Array.from({ length: model.config.layerCount }, (_, layer) => layer).filter((layer) =>
    model.family.blockWeights(layer).some(({ tensor }) => names.has(tensor)),
  );
  return layers.length === 0 ? null : { first: smallest(layers), last: largest(layers) };
}
