/** Records of CounterFact as benchmarks use them: what the flattened form left out is made up from the relations. */
import type { EvaluationRecord } from '../evaluation/records.ts';
import type { FactList } from '../tokens/fact-list.ts';
import { fillPrompt } from '../tokens/template.ts';
import type { FactRecord } from './reference-data.ts';

/** As many as CounterFact's records have. */
const PARAPHRASES = 2;
const NEIGHBOURS = 10;

/**
 * The record with its own paraphrase and neighbour, where it has them, and others: wordings of its relation, and other subjects that have
 * its relation and true object.
 */
export function recordOf(record: FactRecord, facts: FactList): EvaluationRecord {
  const { id, relationId, prompt, subject, targetTrue, targetNew, paraphrase, generation, neighbour } = record;
  const wordings = relationId === null ? [] : facts.paraphrases(relationId, prompt);
  const paraphrases = [
    ...(paraphrase === null ? [] : [paraphrase]),
    ...wordings.map((wording) => fillPrompt(wording, subject)),
  ];
  const others = relationId === null ? [] : facts.neighbours(relationId, targetTrue, subject, NEIGHBOURS);
  // In the edit's own wording: only the subject differs.
  const neighbours = new Set([neighbour, ...others.map((other) => fillPrompt(prompt, other.subject))]);
  return {
    case_id: id,
    requested_rewrite: {
      prompt,
      subject,
      target_new: { str: targetNew },
      target_true: { str: targetTrue },
      ...(relationId !== null && { relation_id: relationId }),
    },
    paraphrase_prompts: paraphrases.slice(0, PARAPHRASES),
    neighborhood_prompts: [...neighbours].slice(0, NEIGHBOURS),
    ...(generation !== null && { generation_prompts: [generation] }),
  };
}
