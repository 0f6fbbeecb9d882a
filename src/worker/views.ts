/** What the page is shown of the engine's objects. */
import { EXPORTERS } from '../engine/exporting/exporters.ts';
import { runReportSchema, type LayerOutcome } from '../engine/methods/report.ts';
import { settingFields } from '../engine/methods/setting-fields.ts';
import type { StepLosses } from '../engine/targets/losses.ts';
import { requestOf as requestOfRecord } from '../engine/evaluation/benchmark.ts';
import { predictions } from '../engine/evaluation/compare.ts';
import { importRecords } from '../engine/evaluation/import.ts';
import { EngineError, RequestError } from '../engine/errors.ts';
import { checkpoint, type Job } from '../engine/job.ts';
import { isFloatDtype } from '../engine/weights/dtype.ts';
import type { TensorIndex } from '../engine/weights/tensor-index.ts';
import { locateSubject } from '../engine/tokens/lookup.ts';
import { messageOf } from '../engine/text.ts';
import { fillPrompt, targetText, validateRequest, type EditRequest } from '../engine/tokens/request.ts';
import { requestNotes } from '../engine/tokens/request-notes.ts';
import { answersOf, predict, promptIds } from '../engine/session/asking.ts';
import { phasesOf } from '../engine/session/editing.ts';
import { companionsOf } from '../engine/session/export.ts';
import { verdictsOf } from '../engine/session/verdicts.ts';
import type { ModelSession } from '../engine/session/session.ts';
import type { AsideEntry } from './history-storage.ts';
import type { Patch } from '../engine/patches/patch.ts';
import type { StackEntry } from '../engine/patches/patch-stack.ts';
import type {
  EditDraft,
  Fault,
  HistoryState,
  ExportChoice,
  LayerReport,
  MethodView,
  PatchSummary,
  PromptTokens,
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
  return {
    code: 'worker',
    message: `Something went wrong that should not have: ${messageOf(error)}`,
    kept: 'The model and the history are as they were before.',
    next: 'Try again; if it happens again, reload the page.',
  };
}

/** The first is what is run where nothing else is chosen. */
export function methodViews(session: ModelSession): MethodView[] {
  return session.methods.map((method) => {
    const { settings, note } = session.preset(method.id);
    return {
      id: method.id,
      label: method.label,
      summary: method.summary,
      phases: phasesOf(method, settings),
      fields: settingFields(method.settings),
      preset: settings,
      presetNote: note,
    };
  });
}

/** Every form of every exporter of models. */
export function exportChoices(session: ModelSession): ExportChoice[] {
  const dtype = mainDtype(session.tensors);
  const companions = companionsOf(session);
  return EXPORTERS.flatMap((exporter) =>
    exporter.subject === 'patch'
      ? []
      : exporter.offers(dtype, companions).map(({ label, help, options }) => ({
          exporter: exporter.id,
          label,
          help,
          options: options as ExportChoice['options'],
          needsPatch: exporter.needsEdits ?? false,
        })),
  );
}

/** What the first of the model's float tensors is stored as; '' where there is none. */
export function mainDtype({ tensors }: TensorIndex): string {
  return tensors.find(({ dtype }) => isFloatDtype(dtype))?.dtype ?? '';
}

export function relationViews({ facts }: ModelSession): Relation[] {
  return (facts?.relations ?? []).map(({ id, label, templates, facts: known }) => ({
    id,
    label,
    templates: [...templates],
    examples: known
      .filter((fact) => fact.known !== false)
      .slice(0, SUGGESTIONS)
      .map(({ subject, object }) => ({ subject, object })),
  }));
}

/** The request a draft stands for, with the known object where the relation has one. */
export function requestOf({ facts }: ModelSession, draft: EditDraft): EditRequest {
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

/** The edits in a file of records. @throws EngineError ('input') where none can be read */
export function draftsOf({ facts }: ModelSession, content: string): { drafts: EditDraft[]; notes: string[] } {
  const { records, faults, notes } = importRecords(content, { facts });
  const drafts = records.map(requestOfRecord).map(({ subject, prompt, targetNew, relationId }): EditDraft => {
    const relation = relationId === undefined ? undefined : facts?.relation(relationId);
    // A row's relation stands for its first template.
    const isRelations = relation?.templates[0] === prompt;
    return {
      id: crypto.randomUUID(),
      subject,
      relationId: isRelations ? relation.id : null,
      prompt,
      object: targetNew.trim(),
    };
  });
  const told = [...faults.map((fault) => ({ ...fault, reason: `left out: ${fault.reason}` })), ...notes];
  return {
    drafts,
    notes: told.sort((a, b) => a.record - b.record).map(({ record, reason }) => `Record ${record}: ${reason}`),
  };
}

/** Faults, tokens and the full prompt of a row. */
function inspectDraft(session: ModelSession, draft: EditDraft): RowInspection {
  const { tokenizer, model } = session;
  const faults: Fault[] = [];
  const inspection: RowInspection = {
    draftId: draft.id,
    faults,
    fullPrompt: null,
    tokens: [],
    targetTokens: [],
    top: [],
    knownObject: null,
    already: false,
  };
  const complain = (error: unknown): Fault['field'] => {
    if (!(error instanceof RequestError)) throw error;
    faults.push({ field: error.field, message: [error.message, error.next].filter(Boolean).join(' ') });
    return error.field;
  };
  let request: EditRequest;
  try {
    request = requestOf(session, draft);
    inspection.knownObject = request.targetTrue ?? null;
    if (request.targetNew !== '') inspection.targetTokens = targetTokens(session, request);
    validateRequest(request, tokenizer, model.config.contextLength);
  } catch (error) {
    // A prompt with its subject can be shown and asked while the object is still missing.
    if (complain(error) !== 'object') return inspection;
    request = requestOf(session, draft);
  }
  const fullPrompt = fillPrompt(request.prompt, request.subject);
  try {
    // Of a request without an object, these two are not known yet.
    const tokens = tokensOf(session, request);
    promptIds(session, fullPrompt);
    inspection.fullPrompt = fullPrompt;
    inspection.tokens = tokens;
  } catch (error) {
    complain(error);
  }
  return inspection;
}

/** @throws RequestError where the subject cannot be found */
function tokensOf({ tokenizer }: ModelSession, { prompt, subject }: EditRequest): TokenView[] {
  const { ids, lookupIndex, subjectRange } = locateSubject(tokenizer, prompt, subject);
  return ids.map((id, i) => ({ id, text: tokenizer.tokenText(id), role: roleOf(i, lookupIndex, subjectRange) }));
}

function targetTokens({ tokenizer }: ModelSession, request: EditRequest): string[] {
  const target = tokenizer.encodeAfter(fillPrompt(request.prompt, request.subject), targetText(request));
  return target.map((id) => tokenizer.tokenText(id));
}

/** @throws PatchError for an unknown patch; EngineError ('input') for an edit that it does not have */
export function editTokens(session: ModelSession, patchId: string, edit: number): PromptTokens {
  const request = session.stack.entry(patchId).patch.requests.at(edit);
  if (!request) throw new EngineError('input', `This patch has no edit ${edit + 1}.`);
  return { tokens: tokensOf(session, request), targetTokens: targetTokens(session, request) };
}

/** Top five next tokens for the rows that have a prompt but cannot be run. */
async function addPredictions(session: ModelSession, rows: readonly RowInspection[]): Promise<void> {
  const asked = rows.filter(({ fullPrompt, faults }) => fullPrompt !== null && faults.length > 0);
  const tops = await predict(
    session,
    asked.map(({ fullPrompt }) => fullPrompt!),
  );
  asked.forEach((row, i) => {
    row.top = predictions(session.tokenizer, tops[i]);
  });
}

/** Rows that are tokenised between two checkpoints. */
const ROWS_AT_ONCE = 64;

/** Rows as {@link inspectDraft} has them, and the model's answers. @throws CancelledError */
export async function inspectDrafts(
  session: ModelSession,
  drafts: readonly EditDraft[],
  job: Job,
): Promise<RowInspection[]> {
  const rows: RowInspection[] = [];
  for (const draft of drafts) {
    if (rows.length % ROWS_AT_ONCE === 0) await checkpoint(job);
    rows.push(inspectDraft(session, draft));
  }
  await addPredictions(session, rows);
  const sound = rows.flatMap(({ faults }, i) => (faults.length === 0 ? [i] : []));
  const requests = sound.map((i) => requestOf(session, drafts[i]));
  const answers = await answersOf(session, await session.weights(), requests, job.signal);
  answers.forEach(({ says, top }, i) => {
    const row = rows[sound[i]];
    row.top = predictions(session.tokenizer, top);
    row.already = says;
  });
  return rows;
}

/** What is to be known of rows seen together, by draft: that others contradict or repeat them. */
export function rowWarnings(session: ModelSession, drafts: readonly EditDraft[]): Record<string, string> {
  const complete = drafts.flatMap((draft, i) => {
    if (draft.subject.trim() === '' || draft.object.trim() === '') return [];
    try {
      return [{ at: i, request: requestOf(session, draft) }];
    } catch (error) {
      // The row itself tells of it.
      if (error instanceof RequestError) return [];
      throw error;
    }
  });
  const notes = requestNotes(complete.map(({ request }) => request));
  return Object.fromEntries(
    notes.map(({ request, earlier, kind }) => {
      const { at, request: other } = complete[earlier];
      const text =
        kind === 'repeat'
          ? `Edit ${at + 1} is the same.`
          : `Edit ${at + 1} wants “${other.targetNew}” for the same prompt: the model cannot say both.`;
      return [drafts[complete[request].at].id, text];
    }),
  );
}

export function stepView({ edit, step, loss, nll, kl, decay, deltaNorm, initialNorm }: StepLosses): StepLoss {
  // A divergence is never negative: what is below 0 is float32's rounding.
  return { edit, step, loss, nll, kl: Math.max(0, kl), decay, deltaRatio: deltaNorm / initialNorm };
}

export function layerView(outcome: LayerOutcome): LayerReport {
  return { ...outcome, ratio: outcome.updateNorm / outcome.weightNorm };
}

export function historyView(
  { stack }: ModelSession,
  unsaved: WorkerFailure | null,
  aside: readonly AsideEntry[],
): HistoryState {
  return { patches: stack.entries.map(patchView), undoLabel: stack.undoLabel, unsaved, aside: [...aside] };
}

/** What does not change of a patch: a report of many edits takes long to check. */
const views = new WeakMap<Patch, Omit<PatchSummary, 'name' | 'enabled'>>();

function patchView({ patch, name, enabled }: StackEntry): PatchSummary {
  const view = views.get(patch) ?? viewOf(patch);
  views.set(patch, view);
  return { ...view, name, enabled };
}

function viewOf(patch: Patch): Omit<PatchSummary, 'name' | 'enabled'> {
  // A patch file made by another program may come without a report.
  const report = runReportSchema.safeParse(patch.report).data;
  const timings = report?.seconds ?? {};
  const verdicts = report ? verdictsOf(patch.requests, report) : null;
  return {
    id: patch.id,
    createdAt: patch.createdAt,
    edits: patch.requests.map(({ subject, prompt, targetNew, targetTrue }, i) => ({
      subject,
      prompt,
      object: targetNew,
      trueObject: targetTrue ?? null,
      status: verdicts?.[i].status ?? null,
      reason: verdicts?.[i].reason ?? '',
    })),
    method: patch.method,
    settings: patch.settings,
    layers: (report?.layers ?? []).map(layerView),
    residuals: report?.residuals ?? [],
    losses: (report?.losses ?? []).map(stepView),
    seconds: Object.values(timings).reduce((sum, seconds) => sum + seconds, 0),
    timings,
  };
}

function roleOf(index: number, lookup: number, [start, end]: readonly [number, number]): TokenView['role'] {
  if (index === lookup) return 'lookup';
  return index >= start && index < end ? 'subject' : 'plain';
}
