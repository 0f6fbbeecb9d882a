/** The patch stack: what is on, what it is called, what is taken back. */
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';
import { historyView } from '../views.ts';

export function historyCommands(
  host: WorkerHost,
): Pick<WorkerApi, 'history' | 'setEnabled' | 'rename' | 'remove' | 'undo'> {
  return {
    history: () => host.withModel((session) => Promise.resolve(historyView(session))),

    setEnabled: (patchId, enabled) =>
      host.changeHistory(({ stack }) => {
        stack.setEnabled(patchId, enabled);
      }),

    rename: (patchId, name) =>
      host.changeHistory(({ stack }) => {
        stack.rename(patchId, name);
      }),

    remove: (patchId) =>
      host.changeHistory(({ stack }) => {
        stack.remove(patchId);
      }),

    undo: () =>
      host.changeHistory(({ stack }) => {
        stack.undo();
      }),
  };
}
