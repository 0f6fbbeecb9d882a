/** Forward passes on WebGPU (Dawn) against `transformers`. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startNodeBackend, type NodeBackend } from '../../src/cli/backend.ts';
import { folderFiles } from '../../src/cli/node-files.ts';
import { Workbench } from '../../src/engine/workbench.ts';
import { demoSequences, tinySequences, worstLogit } from '../unit/families/logits.ts';
import { expectBelow } from '../unit/compare.ts';
import { DEMO_MODEL, TINY_MODEL } from '../unit/support.ts';

let backend: NodeBackend;

beforeAll(async () => {
  backend = await startNodeBackend('webgpu');
}, 120_000);

afterAll(() => backend.dispose());

it.each([
  { name: 'tiny-gpt2', folder: TINY_MODEL, oracle: tinySequences() },
  { name: 'demo', folder: DEMO_MODEL, oracle: demoSequences() },
])(
  'gives the logits of $name at every position',
  async ({ name, folder, oracle }) => {
    const bench = await Workbench.open(folderFiles(folder), backend);
    expectBelow(`WebGPU: logits of ${name}, against their spread`, await worstLogit(bench, oracle), 1e-4);
    await bench.dispose();
    expect(backend.runtime.device.liveBuffers).toBe(0);
  },
  240_000,
);
