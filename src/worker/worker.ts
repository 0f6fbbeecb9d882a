/** The worker: owns the model and runs every command of {@link WorkerApi}, one at a time. */
import * as Comlink from 'comlink';
import type { WorkerApi } from './api.ts';
import { benchmarkCommands } from './commands/benchmark.ts';
import { editingCommands } from './commands/editing.ts';
import { fileCommands } from './commands/files.ts';
import { historyCommands } from './commands/history.ts';
import { knowledgeCommands } from './commands/knowledge.ts';
import { lensCommands } from './commands/lens.ts';
import { modelCommands } from './commands/model.ts';
import { modelsCommands } from './commands/models.ts';
import { reachCommands } from './commands/reach.ts';
import { tracingCommands } from './commands/tracing.ts';
import { WorkerHost } from './host.ts';
import { failureOf } from './views.ts';

const host = new WorkerHost();

const api: WorkerApi = {
  ...modelCommands(host),
  ...modelsCommands(host),
  ...editingCommands(host),
  ...knowledgeCommands(host),
  ...tracingCommands(host),
  ...lensCommands(host),
  ...reachCommands(host),
  ...benchmarkCommands(host),
  ...historyCommands(host),
  ...fileCommands(host),
};

// Comlink would send an Error's message and stack only; the page wants to know what was kept and what to do next.
const thrown = Comlink.transferHandlers.get('throw') as Comlink.TransferHandler<{ value: unknown }, unknown>;
Comlink.transferHandlers.set('throw', {
  canHandle: (value): value is { value: unknown } => thrown.canHandle(value),
  serialize: ({ value }) => [{ isError: false, value: failureOf(value) }, []],
  deserialize: (value) => thrown.deserialize(value),
});

Comlink.expose(api);
