/** A trace as its events fill it in, and what a trace is an answer to. Pure. */
import type { EditDraft } from '../../worker/api.ts';
import type { TraceEvent, TraceView } from '../../worker/trace-api.ts';

type TokenEvent = Extract<TraceEvent, { kind: 'token' }>;

/** The view with a token of one of its grids filled in. */
export function withToken(view: TraceView, { grid: filled, token, scores, says }: TokenEvent): TraceView {
  const grids = view.grids.map((grid, i) =>
    i === filled ? { ...grid, scores: grid.scores.with(token, scores), says: grid.says.with(token, says) } : grid,
  );
  return { ...view, grids };
}

/** What of an edit a trace depends on: its prompt, not its new object. */
export function promptKey(draft: EditDraft): string {
  return JSON.stringify([draft.subject.trim(), draft.relationId, draft.relationId === null ? draft.prompt.trim() : '']);
}

/** What a trace is an answer to. */
export interface TraceQuestion {
  draftId: string;
  prompt: string;
  patches: string;
}

/** Why a trace no longer shows the model and the edits as they are, or null. */
export function staleReason(question: TraceQuestion, drafts: EditDraft[], patches: string): string | null {
  if (question.patches !== patches) return 'The patches in force have changed since this trace.';
  const draft = drafts.find((candidate) => candidate.id === question.draftId);
  if (!draft) return 'The edit of this trace was removed.';
  return promptKey(draft) === question.prompt ? null : 'The edit has changed since this trace.';
}
