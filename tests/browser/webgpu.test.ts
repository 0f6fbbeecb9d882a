/**
 * The same edit on WebGPU, in the page on whatever adapter there is, and on the CPU path: the updates agree. And a GPU that goes in the middle of a
 * run.
 */
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { test } from './fixtures/test.ts';
import { startWasm } from '../../src/cli/backend.ts';
import { folderSource } from '../../src/cli/folder-source.ts';
import { settingsSchemas } from '../../src/engine/methods/registry.ts';
import { readPatchFile } from '../../src/engine/patches/patch-file.ts';
import type { WeightDelta } from '../../src/engine/patches/weight-delta.ts';
import { runEdit } from '../../src/engine/session/editing.ts';
import { openSession } from '../../src/engine/session/open.ts';

const TINY_MODEL = 'tests/reference/models/tiny-gpt2';

/** ΔW = RᵀA, [D · F]. */
function updateOf(delta: WeightDelta): Float64Array {
  if (delta.kind !== 'low-rank') throw new Error(`The delta of “${delta.tensor}” is ${delta.kind}.`);
  const { left, right, rank, outSize, inSize } = delta;
  const update = new Float64Array(outSize * inSize);
  for (let e = 0; e < rank; e += 1) {
    for (let d = 0; d < outSize; d += 1) {
      for (let f = 0; f < inSize; f += 1) {
        update[d * inSize + f] += left[e * outSize + d] * right[e * inSize + f];
      }
    }
  }
  return update;
}

function relativeError(actual: Float64Array, expected: Float64Array): number {
  const difference = Math.hypot(...actual.map((value, i) => value - expected[i]));
  return difference / Math.hypot(...expected);
}

test('an edit on WebGPU makes the update that the CPU path makes, and a lost GPU ends a run, not the work', async ({
  page,
  browser,
}, info) => {
  const folder = await mkdtemp(join(tmpdir(), 'tiny-'));
  try {
    await cp(TINY_MODEL, folder, { recursive: true });
    const text = await readFile('public/models/demo/statistics.txt', 'utf8');
    await writeFile(join(folder, 'statistics.txt'), text.split('\n').slice(0, 30).join('\n'));

    await page.goto('/?backend=webgpu');
    await expect(page.getByRole('button', { name: 'Run MEMIT' })).toBeEnabled({ timeout: 600_000 });
    await expect(page.getByRole('banner')).toContainText('GPU');
    await page.getByRole('button', { name: 'Open model…' }).click();
    const files = (await readdir(folder)).map((name) => join(folder, name));
    await page.getByLabel('Model files').setInputFiles(files);
    await expect(page.getByRole('banner')).toContainText('62,528 parameters', { timeout: 600_000 });

    await page.getByRole('button', { name: 'Add edit' }).click();
    const row = page.getByRole('group', { name: 'Edit 1', exact: true });
    await row.getByLabel('Relation').selectOption({ label: 'Free prompt…' });
    await row.getByRole('textbox', { name: 'Prompt' }).fill('The capital of {} is');
    await row.getByLabel('Subject').fill('Norway');
    await row.getByLabel('New object').fill('Rome');
    await page.getByRole('textbox', { name: 'Layers', exact: true }).fill('1, 2');
    await page.getByLabel('Steps', { exact: true }).fill('5');
    const run = page.getByRole('button', { name: 'Run MEMIT' });
    await expect(run).toBeEnabled();
    await run.click();
    await expect(page.getByRole('switch')).toHaveCount(1, { timeout: 600_000 });
    await info.attach('webgpu', { body: await page.screenshot(), contentType: 'image/png' });

    await page.getByRole('button', { name: /^More actions for/ }).click();
    const waiting = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: 'Download patch file' }).click();
    const patch = await readPatchFile(await readFile(await (await waiting).path()), settingsSchemas());

    const bench = await openSession(folderSource(folder), await startWasm(1));
    expect(patch.modelHash).toBe(bench.hash);
    const expected = await runEdit(bench, patch.requests, patch.settings, { contexts: patch.contexts });
    await bench.dispose();
    expect(patch.deltas.map(({ tensor }) => tensor)).toEqual(
      [1, 2].map((layer) => `transformer.h.${layer}.mlp.c_proj.weight`),
    );
    patch.deltas.forEach((delta, i) => {
      expect(relativeError(updateOf(delta), updateOf(expected.deltas[i]))).toBeLessThan(1e-3);
    });

    // So small a step never gets there.
    await page.getByLabel('Steps', { exact: true }).fill('1000');
    await page.getByLabel('Learning rate', { exact: true }).fill('0.000001');
    await run.click();
    await expect(page.getByRole('region', { name: 'Progress' })).toContainText('0 of 1 edits');
    await (await browser.newBrowserCDPSession()).send('Browser.crashGpuProcess');
    const notice = page.getByRole('banner').getByRole('alert');
    await expect(notice).toContainText('The GPU was lost');
    await expect(run).toBeDisabled();
    await notice.getByRole('button', { name: 'Restart' }).click();
    await expect(run).toBeEnabled({ timeout: 600_000 });
    await expect(page.getByRole('banner')).toContainText('GPU');
    await expect(page.getByRole('switch')).toBeChecked();
    await page.getByRole('button', { name: 'Reset to preset' }).click();
    await page.getByRole('textbox', { name: 'Layers', exact: true }).fill('1, 2');
    await page.getByLabel('Steps', { exact: true }).fill('2');
    await run.click();
    await expect(page.getByRole('switch')).toHaveCount(2, { timeout: 600_000 });
  } finally {
    await rm(folder, { recursive: true });
  }
});
