import * as Comlink from 'comlink';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { API_VERSION, type LoadProgress, type WorkerFailure } from '../../../src/worker/api.ts';
import { WorkerConnection, WorkerError } from '../../../src/worker/client.ts';

const progress = (loadedBytes: number): LoadProgress => ({ file: 'a', loadedBytes, totalBytes: 9, stage: 'Reading' });
const failure: WorkerFailure = { code: 'safetensors', message: 'Cut short.', kept: 'All.', next: 'Again.' };
const DEMO = { kind: 'demo', url: 'http://localhost/' } as const;

/** Makes `new Worker()` give one end of a message channel that has `api` at the other. */
function stubWorker(api: object): void {
  function FakeWorker(): object {
    const { port1, port2 } = new MessageChannel();
    Comlink.expose({ version: () => API_VERSION, ...api }, port2);
    return Object.assign(port1, { terminate: () => port1.close() });
  }
  vi.stubGlobal('Worker', FakeWorker);
}

function connect(): WorkerConnection {
  const connection = new WorkerConnection(() => undefined);
  open.push(connection);
  return connection;
}

const open: WorkerConnection[] = [];

afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
  vi.unstubAllGlobals();
});

describe('WorkerConnection', () => {
  it('hears progress while the call is under way, and no more when it has ended', async () => {
    let report: (progress: LoadProgress) => Promise<void> = () => Promise.resolve();
    stubWorker({
      load: async (_source: unknown, _choice: unknown, onProgress: typeof report) => {
        report = onProgress;
        await report(progress(1));
        return { name: 'demo' };
      },
    });
    const heard: number[] = [];
    const model = await connect().call('load', DEMO, 'wasm', ({ loadedBytes }) => {
      heard.push(loadedBytes);
    });
    expect(model).toEqual({ name: 'demo' });
    await report(progress(2));
    expect(heard).toEqual([1]);
  });

  it('hears no progress after a call that failed, and carries the failure', async () => {
    let report: (progress: LoadProgress) => Promise<void> = () => Promise.resolve();
    stubWorker({
      load: async (_source: unknown, _choice: unknown, onProgress: typeof report) => {
        report = onProgress;
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what the worker's own handler sends
        throw failure;
      },
    });
    const onProgress = vi.fn();
    const error: unknown = await connect()
      .call('load', DEMO, 'wasm', onProgress)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WorkerError);
    expect((error as WorkerError).failure).toEqual(failure);
    await report(progress(1));
    expect(onProgress).not.toHaveBeenCalled();
  });

  it('refuses a worker of another build', async () => {
    stubWorker({ version: () => API_VERSION + 1 });
    const error: unknown = await connect()
      .call('history')
      .catch((reason: unknown) => reason);
    expect((error as WorkerError).failure).toMatchObject({ code: 'version', next: 'Reload the page.' });
  });

  it('rejects what is under way when it is closed', async () => {
    stubWorker({ history: () => new Promise(() => undefined) });
    const connection = connect();
    const asked = connection.call('history').catch((reason: unknown) => reason);
    connection.close();
    expect(((await asked) as WorkerError).failure.code).toBe('cancelled');
  });
});
