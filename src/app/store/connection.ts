/** The one connection to the worker that the store's actions call through. */
import { WorkerConnection } from '../../worker/client.ts';
import type { WorkerApi, WorkerFailure } from '../../worker/api.ts';

let connection: WorkerConnection | null = null;
let reportLoss: (failure: WorkerFailure) => void = () => undefined;

/** Whom to tell when the worker dies. */
export function onWorkerLost(report: (failure: WorkerFailure) => void): void {
  reportLoss = report;
}

/** Calls the worker, starting it when none runs. @throws WorkerError */
export function call<K extends keyof WorkerApi>(
  method: K,
  ...args: Parameters<WorkerApi[K]>
): Promise<Awaited<ReturnType<WorkerApi[K]>>> {
  connection ??= new WorkerConnection((failure) => {
    connection = null;
    reportLoss(failure);
  });
  return connection.call(method, ...args);
}

/** Ends the worker, dead or alive; the next call starts a fresh one. */
export function disconnect(): void {
  connection?.close();
  connection = null;
}
