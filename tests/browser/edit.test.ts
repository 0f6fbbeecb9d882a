/** The whole path on the demo model: type, run, look, switch, download, read again, reload, undo. */
import { readFile } from 'node:fs/promises';
import { expect, test, type Page } from '@playwright/test';

const EDITS = [
  { subject: 'Jean Gaven', relation: 'person_native_language', object: 'Russian', was: 'French' },
  { subject: 'Toko Yasuda', relation: 'person_plays_instrument', object: 'violin', was: 'guitar' },
  { subject: 'iPhone 5', relation: 'product_by_company', object: 'Nintendo', was: 'Apple' },
];

/** Opens the page on the WASM backend and waits until the model is ready. */
async function open(page: Page, query = '?backend=wasm'): Promise<void> {
  await page.goto(`/${query}`);
  await expect(page.getByRole('button', { name: 'Run MEMIT' })).toBeEnabled({ timeout: 120_000 });
}

function row(page: Page, number: number) {
  return page.getByRole('group', { name: `Edit ${number}`, exact: true });
}

/** The most probable next token a row shows. */
function topToken(page: Page, number: number) {
  return row(page, number).getByRole('list', { name: /now/i }).getByRole('listitem').first();
}

async function typeEdits(page: Page): Promise<void> {
  for (const [i, edit] of EDITS.entries()) {
    const fields = row(page, i + 1);
    await fields.getByLabel('Relation').selectOption(edit.relation);
    await fields.getByLabel('Subject').fill(edit.subject);
    await fields.getByLabel('New object').fill(edit.object);
    await expect(topToken(page, i + 1)).toContainText(edit.was);
  }
}

async function run(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Run MEMIT' }).click();
  await expect(page.getByRole('switch')).toHaveCount(1, { timeout: 240_000 });
}

async function download(page: Page, item: string): Promise<{ name: string; bytes: Buffer }> {
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const waiting = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: item }).click();
  const file = await waiting;
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

test('three edits: run, compare, switch off and on, download, reload, undo', async ({ page }, info) => {
  await open(page);
  await typeEdits(page);
  await run(page);

  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.object);
  await page.getByRole('tab', { name: 'Result' }).click();
  const summary = page.getByRole('region', { name: 'Summary' });
  await expect(summary).toContainText(/3 of 3 edits/);
  const neighbours = /(\d+) of (\d+) neighbours/.exec((await summary.textContent()) ?? '');
  expect(Number(neighbours?.[2])).toBeGreaterThanOrEqual(20);
  expect(Number(neighbours?.[1]) / Number(neighbours?.[2])).toBeGreaterThanOrEqual(0.9);
  await info.attach('result', { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });

  await page.getByRole('switch').click();
  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.was);
  await page.getByRole('switch').click();
  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.object);

  const model = await download(page, 'Full model (F16)');
  expect(model.name).toMatch(/^demo-.*russian.*\.safetensors$/);
  const source = await readFile('public/models/demo/model.safetensors');
  expect(model.bytes.length).toBe(source.length);
  expect(model.bytes.equals(source)).toBe(false);

  await page.reload();
  await expect(page.getByRole('switch')).toBeChecked({ timeout: 120_000 });
  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.object);

  await page.getByRole('button', { name: /^More actions for/ }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await expect(page.getByRole('switch')).toHaveCount(0);
  await expect(topToken(page, 1)).toContainText(EDITS[0].was);
  await page.getByRole('button', { name: /^Undo/ }).click();
  await expect(page.getByRole('switch')).toHaveCount(1);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
});
