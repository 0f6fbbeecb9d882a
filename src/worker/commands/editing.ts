/** Rows of edits, runs, and what the model says before and after. */
import { FactList } from '../../engine/tokens/fact-list.ts';
import { comparePatch, compareFree } from '../../engine/session/asking.ts';
import { runEdit } from '../../engine/session/editing.ts';
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';
import { estimator } from '../time-left.ts';
import { draftsOf, editTokens, inspectDrafts, layerView, rowWarnings, requestOf, stepView } from '../views.ts';

export function editingCommands(
  host: WorkerHost,
): Pick<
  WorkerApi,
  | 'inspect'
  | 'editTokens'
  | 'rowWarnings'
  | 'parseLines'
  | 'parseRequests'
  | 'run'
  | 'pause'
  | 'goOn'
  | 'compare'
  | 'tryPrompts'
> {
  return {
    inspect: (drafts) => host.withModel((session, job) => inspectDrafts(session, drafts, job)),

    editTokens: (patchId, edit) => host.withModel((session) => Promise.resolve(editTokens(session, patchId, edit))),

    rowWarnings: (drafts) => host.withModel((session) => Promise.resolve(rowWarnings(session, drafts))),

    parseLines: (text) =>
      host.withModel((session) => {
        const { drafts, faults } = (session.facts ?? new FactList()).parseTriples(text);
        const rows = drafts.map((draft) => ({ id: crypto.randomUUID(), ...draft }));
        return Promise.resolve({ drafts: rows, faults });
      }),

    parseRequests: (text) => host.withModel((session) => Promise.resolve(draftsOf(session, text))),

    run: (drafts, method, settings, fresh, onEvent) =>
      host.changeHistory(async (session, job) => {
        const { gate } = host;
        gate.watch(() => onEvent({ kind: 'paused' }));
        const secondsLeft = estimator(() => performance.now() - gate.heldMs);
        const requests = drafts.map((draft) => requestOf(session, draft));
        const patch = await runEdit(session, requests, settings, {
          method,
          job,
          fresh,
          onEvent: (event) => {
            if (event.kind === 'losses' || event.kind === 'layer') gate.stepped();
            if (event.kind === 'losses') onEvent({ kind: 'loss', losses: event.losses.map(stepView) });
            else if (event.kind === 'layer') onEvent({ kind: 'layer', report: layerView(event.outcome) });
            else if (event.kind === 'note') onEvent(event);
            else onEvent({ ...event, secondsLeft: secondsLeft(event.phase, event.done, event.total) });
          },
        });
        session.stack.push(patch);
      }),

    pause: () => {
      host.gate.hold();
      return Promise.resolve();
    },

    goOn: (by) => {
      host.gate.goOn(by);
      return Promise.resolve();
    },

    compare: (patchId, onProgress) =>
      host.withModel(async (session, { signal }) => ({
        patchId,
        ...(await comparePatch(session, patchId, { signal, onProgress })),
      })),

    tryPrompts: (prompts, sampleSeed, onProgress) =>
      host.withModel((session, job) =>
        compareFree(session, prompts, { job, onProgress, ...(sampleSeed !== null && { sampleSeed }) }),
      ),
  };
}
