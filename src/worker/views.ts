/** What the page is shown of the engine's objects. */
import { runReportSchema, type LayerOutcome, type StepLosses } from '../engine/methods/report.ts';
import { predictions } from '../engine/evaluation/compare.ts';
import { EngineError, RequestError } from '../engine/errors.ts';
import { locateSubject } from '../engine/tokens/lookup.ts';
import { fillPrompt, targetText, validateRequest, type EditRequest } from '../engine/tokens/request.ts';
import type { Workbench } from '../engine/session/workbench.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type {
  EditDraft,
  Fault,
  HistoryState,
  LayerReport,
  PatchSummary,
  Relation,
  RowInspection,
  StepLoss,
  TokenView,
  WorkerFailure,
} from './api.ts';

/** Subjects suggested per relation. */
const SUGGESTIONS = 60;

export function failureOf(error: unknown): WorkerFailure {
  if (error instanceof EngineError) {
    return { code: error.code, message: error.message, kept: error.kept, next: error.next };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'worker',
    message: `Something went wrong that should not have: ${message}`,
    kept: 'The model and the history are as they were before.',
    next: 'Try again; if it happens again, reload the page.',
  };
}

export function relationViews({ facts }: Workbench): Relation[] {
  return (facts?.relations ?? []).map(({ id, label, templates, facts: known }) => ({
    id,
    label,
    templates: [...templates],
    examples: known
      .filter((fact) => fact.known)
      .slice(0, SUGGESTIONS)
      .map(({ subject, object }) => ({ subject, object })),
  }));
}

/** The request a draft stands for, with the known object where the relation has one. */
export function requestOf({ facts }: Workbench, draft: EditDraft): EditRequest {
  const relation = draft.relationId === null ? undefined : facts?.relation(draft.relationId);
  if (draft.relationId !== null && !relation) {
    throw new RequestError('request', `This model's list has no relation “${draft.relationId}”.`, {
      next: 'Choose another relation or type a free prompt.',
    });
  }
  const subject = draft.subject.trim();
  const known = relation && facts?.find(subject, relation.id)?.object;
  return {
    prompt: relation ? relation.templates[0] : draft.prompt.trim(),
    subject,
    targetNew: draft.object.trim(),
    ...(known !== undefined && { targetTrue: known }),
    ...(relation && { relationId: relation.id }),
  };
}

/** Faults, tokens and the full prompt of a row; `top` is filled in by the caller, who asks the model for many rows at once. */
export function inspectDraft(workbench: Workbench, draft: EditDraft): RowInspection {
  const { tokenizer, model } = workbench;
  const faults: Fault[] = [];
  const inspection: RowInspection = {
    draftId: draft.id,
    faults,
    fullPrompt: null,
    tokens: [],
    targetTokens: [],
    top: [],
    knownObject: null,
  };
  const complain = (error: unknown): Fault['field'] => {
    if (!(error instanceof RequestError)) throw error;
    faults.push({ field: error.field, message: [error.message, error.next].filter(Boolean).join(' ') });
    return error.field;
  };
  let request: EditRequest;
  try {
    request = requestOf(workbench, draft);
    inspection.knownObject = request.targetTrue ?? null;
    if (request.targetNew !== '') {
      const target = tokenizer.encode(targetText(request), { special: false });
      inspection.targetTokens = target.map((id) => tokenizer.tokenText(id));
    }
    validateRequest(request, tokenizer, model.config.contextLength);
  } catch (error) {
    // A prompt with its subject can be shown and asked while the object is still missing.
    if (complain(error) !== 'object') return inspection;
    request = requestOf(workbench, draft);
  }
  const fullPrompt = fillPrompt(request.prompt, request.subject);
  try {
    // Of a request without an object, these two are not known yet.
    const { ids, lookupIndex, subjectRange } = locateSubject(tokenizer, request.prompt, request.subject);
    workbench.promptIds(fullPrompt);
    inspection.fullPrompt = fullPrompt;
    inspection.tokens = ids.map((id, i) => ({
      id,
      text: tokenizer.tokenText(id),
      role: roleOf(i, lookupIndex, subjectRange),
    }));
  } catch (error) {
    complain(error);
  }
  return inspection;
}

/** Top five next tokens for the rows that have a prompt. */
export async function addPredictions(workbench: Workbench, rows: readonly RowInspection[]): Promise<void> {
  const asked = rows.filter(({ fullPrompt }) => fullPrompt !== null);
  const tops = await workbench.predict(asked.map(({ fullPrompt }) => fullPrompt!));
  asked.forEach((row, i) => {
    row.top = predictions(workbench.tokenizer, tops[i]);
  });
}

export function stepView({ edit, step, loss, nll, kl, decay, deltaNorm, initialNorm }: StepLosses): StepLoss {
  return { edit, step, loss, nll, kl, decay, deltaRatio: deltaNorm / initialNorm };
}

export function layerView(outcome: LayerOutcome): LayerReport {
  return { ...outcome, ratio: outcome.updateNorm / outcome.weightNorm };
}

export function historyView({ stack }: Workbench, unsaved: WorkerFailure | null = null): HistoryState {
  return { patches: stack.entries.map(patchView), undoLabel: stack.undoLabel, unsaved };
}

function patchView({ patch, name, enabled }: StackEntry): PatchSummary {
  // A patch file made by another program may come without a report.
  const report = runReportSchema.safeParse(patch.report).data;
  const timings = report?.seconds ?? { contexts: 0, statistics: 0, targets: 0, spread: 0 };
  return {
    id: patch.id,
    name,
    enabled,
    createdAt: patch.createdAt,
    edits: patch.requests.map(({ subject, prompt, targetNew, targetTrue }) => ({
      subject,
      prompt,
      object: targetNew,
      trueObject: targetTrue ?? null,
    })),
    settings: patch.settings,
    layers: (report?.layers ?? []).map(layerView),
    losses: (report?.losses ?? []).map(stepView),
    seconds: timings.contexts + timings.statistics + timings.targets + timings.spread,
    timings,
  };
}

function roleOf(index: number, lookup: number, [start, end]: readonly [number, number]): TokenView['role'] {
  if (index === lookup) return 'lookup';
  return index >= start && index < end ? 'subject' : 'plain';
}
