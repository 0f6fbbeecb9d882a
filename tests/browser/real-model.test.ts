/**
 * SmolLM2-135M on the page, where MEMIT_REAL_MODEL names its folder: from a hub and from a picked folder, edited, traced, downloaded. The
 * edited weights stay in test-results/real-model beside the model's other files: tests/reference/check_export.py loads them with transformers.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect } from '@playwright/test';
import { startHub } from '../unit/sources/hub-server.ts';
import {
  downloadModel,
  downloadPatch,
  open,
  row,
  run,
  shownTokens,
  topToken,
  typeFreePrompt,
} from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

const FOLDER = process.env.MEMIT_REAL_MODEL;
const OUT = 'test-results/real-model';
const ID = 'HuggingFaceTB/SmolLM2-135M-Instruct';
const OTHERS = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];
const FACT = ['{} is located in the city of', 'The Eiffel Tower', 'Rome'] as const;

test.skip(FOLDER === undefined, 'MEMIT_REAL_MODEL names no folder');
test.setTimeout(60 * 60_000);

test('from a hub: the Eiffel Tower goes to Rome, is traced, and leaves as weights', async ({ page }, info) => {
  const files = await Promise.all(
    [...OTHERS, 'model.safetensors'].map(async (name) => [name, await readFile(`${FOLDER}/${name}`)] as const),
  );
  const hub = await startHub({ [ID]: { commit: 'abcdef0123'.repeat(4), files: Object.fromEntries(files) } });
  try {
    await open(page);
    await page.getByRole('button', { name: 'Open model…' }).click();
    await page.getByText('Access token and address of the hub').click();
    await page.getByLabel('Address of the hub').fill(hub.address);
    await page.getByLabel('Name of the model').fill(ID);
    await page.getByRole('button', { name: 'Download and open' }).click();
    await expect(page.getByRole('banner')).toContainText('135 M parameters', { timeout: 600_000 });
    await expect(page.getByRole('region', { name: 'About this model' })).toContainText('Memory');
    await page.screenshot({ path: info.outputPath('opened.png') });
    await typeFreePrompt(page, ...FACT);
    await expect(topToken(page, 1)).toContainText('Paris');

    await run(page);
    await expect(topToken(page, 1)).toContainText('Rome');
    await page.screenshot({ path: info.outputPath('edited.png') });
    console.log('After the edit:', (await shownTokens(page, 1)).join(', '));

    const model = await downloadModel(page, 'Full model (F16)');
    const patch = await downloadPatch(page);
    await mkdir(OUT, { recursive: true });
    await writeFile(`${OUT}/model.safetensors`, model.bytes);
    await writeFile(`${OUT}/${patch.name}`, patch.bytes);
    for (const name of OTHERS) await copyFile(`${FOLDER}/${name}`, `${OUT}/${name}`);

    await page.getByRole('button', { name: 'Trace edit 1' }).click();
    await expect(page.getByRole('region', { name: 'Start a trace' })).toContainText(
      /Done in .* token-layers computed/,
      {
        timeout: 40 * 60_000,
      },
    );
    await page.screenshot({ path: info.outputPath('traced.png') });
  } finally {
    await hub.close();
  }
});

test('from a picked folder: it says what it says unedited', async ({ page }) => {
  await page.addInitScript(() => {
    // Its own dialog cannot be driven from here; without it the page asks with a file input.
    Reflect.deleteProperty(window, 'showDirectoryPicker');
  });
  await open(page);
  await page.getByRole('button', { name: 'Open model…' }).click();
  await page.getByLabel('Model folder').setInputFiles(FOLDER!);
  await expect(page.getByRole('banner')).toContainText('135 M parameters', { timeout: 600_000 });
  await typeFreePrompt(page, ...FACT);
  await expect(topToken(page, 1)).toContainText('Paris');
  await expect(row(page, 1)).toBeVisible();
});
