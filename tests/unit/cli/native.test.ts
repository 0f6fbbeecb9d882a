/** The native runtime, which is no dependency: where it is installed it answers as WebAssembly does, elsewhere it says how to get it. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startNative, startNodeBackend, startWasm } from '../../../src/cli/backend.ts';
import { folderSource } from '../../../src/cli/folder-source.ts';
import { DeviceError } from '../../../src/engine/errors.ts';
import { answersOf } from '../../../src/engine/session/asking.ts';
import { openSession } from '../../../src/engine/session/open.ts';
import { DEMO_MODEL } from '../support.ts';

const installed = existsSync('node_modules/onnxruntime-node');
const request = { prompt: 'The mother tongue of {} is', subject: 'Jean Gaven', targetNew: 'French' };

it.runIf(installed)('answers as WebAssembly does', async () => {
  const probabilities: number[] = [];
  for (const start of [startNative, () => startWasm(1)]) {
    const session = await openSession(folderSource(DEMO_MODEL), await start());
    const [{ says, probability }] = await answersOf(session, session.model.weights, [request]);
    expect(says).toBe(true);
    probabilities.push(probability);
    await session.dispose();
  }
  expect(Math.abs(probabilities[0] / probabilities[1] - 1)).toBeLessThan(1e-4);
});

it.runIf(!installed)(
  'that is not installed is told, with what to do; by itself the command line takes WebAssembly',
  async () => {
    const failure = await startNative().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DeviceError);
    expect((failure as DeviceError).next).toContain('npm install --no-save onnxruntime-node');
    const backend = await startNodeBackend('auto');
    expect(backend.name).toMatch(/^WASM/);
    await backend.dispose();
  },
);
