/** What the page is shown of the facts that a model is asked and knows. */
import type { Knowledge } from '../engine/knowledge/knowledge.ts';
import type { KnowledgeView } from './knowledge-api.ts';

/** What the stages of asking are called. */
export const ASKING = { prompts: 'Asking for facts', records: 'Asking records' } as const;

export async function knowledgeView(knowledge: Knowledge): Promise<KnowledgeView> {
  const { origin } = knowledge;
  return { origin, counts: origin === 'shipped' ? await knowledge.counts() : null };
}
