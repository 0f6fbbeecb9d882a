/** The patch stack: what is on, what it is called, what is taken back; and what of it could not be read. */
import { EngineError } from '../../engine/errors.ts';
import { exportFileName } from '../../engine/exporting/file-name.ts';
import type { WorkerApi } from '../api.ts';
import type { WorkerHost } from '../host.ts';

export function historyCommands(
  host: WorkerHost,
): Pick<
  WorkerApi,
  'history' | 'watchHistory' | 'asideFile' | 'discardAside' | 'setEnabled' | 'rename' | 'remove' | 'undo'
> {
  return {
    history: () => host.withModel((session) => Promise.resolve(host.history(session))),

    watchHistory: (onChange) => {
      host.storage.watchHistory((modelHash) => {
        // In its turn: a run that goes on adds its patch to what is there then.
        const reload = host.inTurn(async () => {
          const { session } = host;
          if (session?.hash !== modelHash) return;
          await host.restoreHistory(session);
          onChange(host.history(session));
        });
        // A read that fails now is told at the next change of this tab's own.
        reload.catch(() => undefined);
      });
      return new Promise<never>(() => undefined);
    },

    asideFile: (id) =>
      host.withModel(async ({ hash, name: model }) => {
        const name = host.aside.find((entry) => entry.id === id)?.name ?? id;
        const blob = await host.storage.asideFile(hash, id);
        if (!blob) throw new EngineError('storage', `The file of “${name}” is gone from this browser’s storage.`);
        return { name: exportFileName({ model, edits: [name], part: 'unreadable' }), blob };
      }),

    discardAside: (id) =>
      host.withModel(async (session) => {
        await host.storage.discardAside(session.hash, id);
        host.aside = host.aside.filter((entry) => entry.id !== id);
        return host.history(session);
      }),

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
