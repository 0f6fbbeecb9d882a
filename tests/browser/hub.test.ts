/** Models of a hub: found by name, downloaded, gone on with, kept, opened without the network, deleted. */
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import { startHub, type HubServer } from '../unit/sources/hub-server.ts';
import { open, runButton } from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

const TINY = 'tests/reference/models/tiny-gpt2';
const FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
const ID = 'someone/tiny-gpt2';
const COMMIT = '0123456789'.repeat(4);

async function tinyHub(token?: string): Promise<HubServer> {
  const files = await Promise.all(FILES.map(async (name) => [name, await readFile(`${TINY}/${name}`)] as const));
  return startHub({
    [ID]: { commit: COMMIT, files: Object.fromEntries(files), ...(token !== undefined && { token }) },
  });
}

async function openDialog(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Open model…' }).click();
}

/** Types a model's name and the hub's address, and starts. */
async function download(page: Page, hub: HubServer): Promise<void> {
  await page.getByText('Access token and address of the hub').click();
  await page.getByLabel('Address of the hub').fill(hub.address);
  await page.getByLabel('Name of the model').fill(ID);
  await page.getByRole('button', { name: 'Download and open' }).click();
}

test('a model by its name: cut, gone on with, opened, and there without the hub after a reload', async ({ page }) => {
  const hub = await tinyHub();
  const header = page.getByRole('banner');
  const dialog = page.getByRole('dialog');
  const kept = dialog.getByRole('listitem', { name: ID });
  try {
    await open(page);
    await openDialog(page);
    // The connection goes in the middle of the weights, and the hub with it for good.
    hub.faults['model.safetensors'] = [
      { kind: 'cut', after: 120_000 },
      { kind: 'status', status: 410 },
    ];
    await download(page, hub);
    const failure = dialog.getByRole('alert');
    await expect(failure).toContainText(`“${ID}” could not be downloaded`);
    await expect(failure).toContainText(/[\d,]+ of [\d,]+ bytes of “model\.safetensors” are kept/);
    await expect(kept).toContainText('have come');
    // The model that was open is at work all the while.
    await page.keyboard.press('Escape');
    await expect(header).toContainText('7.9 M parameters');
    await expect(runButton(page)).toBeEnabled();
    await header.getByRole('button', { name: 'Download stopped' }).click();

    hub.requests.length = 0;
    await failure.getByRole('button', { name: 'Go on with the download' }).click();
    await expect(header).toContainText(ID);
    await expect(header).toContainText('62,528 parameters');
    const files = hub.requests.filter(({ path }) => path.includes('/resolve/'));
    expect(files.every(({ path, range }) => path.endsWith('model.safetensors') && range !== null)).toBe(true);
    expect(files).not.toEqual([]);
    await expect(page.getByRole('region', { name: 'About this model' })).toContainText('None of its own');

    await hub.close();
    await page.reload();
    await expect(header).toContainText('62,528 parameters');
    await page.getByRole('button', { name: 'Add edit' }).click();

    await openDialog(page);
    await expect(kept).toContainText('Open now');
  } finally {
    await hub.close().catch(() => undefined);
  }
});

test('a gated model asks for a token, which is not kept; a download can be cancelled while the page is used', async ({
  page,
}) => {
  const hub = await tinyHub('hf_secret');
  const dialog = page.getByRole('dialog');
  try {
    await open(page);
    await openDialog(page);
    await download(page, hub);
    await expect(dialog.getByRole('alert')).toContainText(`Accept its licence at ${hub.address}/${ID}`);
    await page.getByLabel('Access token', { exact: true }).fill('hf_secret');
    hub.faults['model.safetensors'] = [{ kind: 'slow', chunk: 2000, milliseconds: 50 }];
    await dialog.getByRole('button', { name: 'Try again' }).click();
    const progress = dialog.getByRole('group', { name: 'Download' });
    await expect(progress).toContainText(/model\.safetensors: [\d.]+ kB of \d+ kB/);
    await expect(progress).toContainText('%');
    await page.keyboard.press('Escape');
    await expect(runButton(page)).toBeEnabled();
    await page.getByRole('button', { name: /^Downloading \d+ %$/ }).click();
    await progress.getByRole('button', { name: 'Cancel' }).click();
    await expect(progress).toHaveCount(0);
    await dialog.getByRole('listitem', { name: ID }).getByRole('button', { name: 'Go on' }).click();
    await expect(page.getByRole('banner')).toContainText('62,528 parameters');
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('hf_secret');
    await page.reload();
    await openDialog(page);
    await page.getByText('Access token and address of the hub').click();
    await expect(page.getByLabel('Access token', { exact: true })).toHaveValue('');
    await expect(page.getByLabel('Address of the hub')).toHaveValue(hub.address);
  } finally {
    await hub.close();
  }
});

test('a kept model by its name where the hub does not answer, and its end', async ({ page }) => {
  const hub = await tinyHub();
  const header = page.getByRole('banner');
  const dialog = page.getByRole('dialog');
  try {
    await open(page);
    await openDialog(page);
    await download(page, hub);
    await expect(header).toContainText('62,528 parameters');
    await hub.close();
    await openDialog(page);
    await page.getByLabel('Name of the model').fill(ID);
    await page.getByRole('button', { name: 'Download and open' }).click();
    await expect(dialog).toHaveCount(0);
    await expect(header).toContainText('62,528 parameters');
    await openDialog(page);
    await expect(dialog.getByRole('status')).toContainText('does not answer');
    await dialog.getByRole('button', { name: 'Back to the demo model' }).click();
    await expect(header).toContainText('7.9 M parameters');
    await openDialog(page);
    await dialog.getByRole('button', { name: `Delete ${ID}` }).click();
    await dialog.getByRole('button', { name: `Really delete ${ID}` }).click();
    await expect(dialog.getByRole('listitem', { name: ID })).toHaveCount(0);
  } finally {
    await hub.close().catch(() => undefined);
  }
});
