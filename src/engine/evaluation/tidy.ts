/** Records without what cannot be asked: nothing of it is left out, or taken otherwise, without a word. */
import { answerableNeighbours, type EvaluationRecord } from './records.ts';

export interface ReadRecord {
  readonly record: EvaluationRecord;
  /** What of it was left out, repaired or guessed. */
  readonly notes: readonly string[];
}

/** Nothing, in the ways that tables and lists have of saying so. */
export function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isNothing);
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

/** Left out: what is empty, and neighbours that have no answer. Taken without: spaces at the end of objects. */
export function tidied(record: EvaluationRecord, notes: readonly string[] = []): ReadRecord {
  const told = [...notes];
  const filled = <T>(prompts: readonly T[], what: string, textOf: (prompt: T) => string): T[] => {
    const kept = prompts.filter((prompt) => !isNothing(textOf(prompt)));
    const lost = prompts.length - kept.length;
    if (lost > 0) told.push(`${counted(lost, what)} left out: empty`);
    return kept;
  };
  const { target_new: targetNew, target_true: targetTrue } = record.requested_rewrite;
  const trimmed = <T extends { str: string }>(target: T): T => {
    const str = target.str.trimEnd();
    if (str !== target.str) told.push(`the object “${target.str}” is taken without the space at its end`);
    return { ...target, str };
  };
  const kept: EvaluationRecord = {
    ...record,
    requested_rewrite: {
      ...record.requested_rewrite,
      target_new: trimmed(targetNew),
      ...(targetTrue && { target_true: trimmed(targetTrue) }),
    },
    paraphrase_prompts: filled(record.paraphrase_prompts, 'paraphrase', (prompt) => prompt),
    neighborhood_prompts: filled(record.neighborhood_prompts, 'neighbour', (neighbour) =>
      typeof neighbour === 'string' ? neighbour : neighbour.prompt,
    ),
    ...(record.generation_prompts && {
      generation_prompts: filled(record.generation_prompts, 'generation prompt', (prompt) => prompt),
    }),
  };
  const answered = answerableNeighbours(kept);
  const lost = kept.neighborhood_prompts.length - answered.length;
  if (lost > 0) told.push(`${counted(lost, 'neighbour')} left out: there is no true object to ask for`);
  return { record: { ...kept, neighborhood_prompts: answered }, notes: told };
}

/** “1 neighbour is”, “2 neighbours are”. */
export function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what} is` : `${count} ${what}s are`;
}
