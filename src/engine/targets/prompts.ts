/** The token rows an edit is made of: its prompt in every context, the target's tokens, and the KL prompt. */
import { RequestError } from '../errors.ts';
import { largest } from '../extent.ts';
import { locateInContext, locateSubject, type LocatedSubject } from '../tokens/lookup.ts';
import { targetText, type EditRequest } from '../tokens/request.ts';
import { fillPrompt } from '../tokens/template.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';

/** "{subject} is a": where the essence of the subject is read for the KL term (reference: compute_z). */
const KL_PROMPT = '{} is a';

export interface EditPrompts {
  readonly request: EditRequest;
  /** The request's prompt in every context, the plain one first. */
  readonly contexts: readonly LocatedSubject[];
  readonly klPrompt: LocatedSubject;
  readonly targetIds: readonly number[];
}

/**
 * Tokenises one edit in all contexts.
 * @throws RequestError when a row with the target is longer than the model's context
 */
export function buildEditPrompts(
  request: EditRequest,
  contexts: readonly string[],
  tokenizer: ModelTokenizer,
  contextLength: number,
): EditPrompts {
  const targetIds = tokenizer.encodeAfter(fillPrompt(request.prompt, request.subject), targetText(request));
  const located = contexts.map((context) => locateInContext(tokenizer, context, request.prompt, request.subject));
  const longest = largest(located.map(({ ids }) => ids.length)) + targetIds.length - 1;
  if (longest > contextLength) {
    throw new RequestError(
      'prompt',
      `“${request.prompt.replace('{}', request.subject)}” with a context before it takes ${longest} tokens; the model reads ${contextLength}.`,
      { next: 'Use a shorter prompt.' },
    );
  }
  return { request, contexts: located, klPrompt: locateSubject(tokenizer, KL_PROMPT, request.subject), targetIds };
}
