/** Benchmarks in the page: known facts edited and measured, records of one's own, and their files. */
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import { test } from './fixtures/test.ts';

async function openBenchmark(page: Page): Promise<void> {
  await page.goto('/?backend=wasm');
  await page.getByRole('tab', { name: 'Benchmark' }).click();
  await expect(page.getByRole('button', { name: 'Edit and measure' })).toBeEnabled({ timeout: 600_000 });
}

async function saved(page: Page, button: string): Promise<string> {
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: button }).click();
  return readFile(await (await waiting).path(), 'utf8');
}

test('ten known facts: edit, measure, look at them, take the report home', async ({ page }, info) => {
  await openBenchmark(page);
  await page.getByRole('radio', { name: '10 facts' }).click();
  await page.getByRole('button', { name: 'Edit and measure' }).click();
  const start = page.getByRole('region', { name: 'Start a benchmark' });
  await expect(start.getByRole('button', { name: 'Cancel' })).toBeEnabled();
  await expect(page.getByText('10 records measured in')).toBeVisible({ timeout: 600_000 });
  await expect(page.getByRole('switch')).toHaveCount(1);

  const metrics = page.getByRole('region', { name: 'Metrics', exact: true });
  await metrics.getByText('Show as table').click();
  const row = metrics.getByRole('row', { name: /^ES/ });
  // The facts are known: before the edit none of the new objects is likelier.
  await expect(row.getByRole('cell').nth(2)).toHaveText('0');
  expect(Number(await row.getByRole('cell').nth(5).textContent())).toBeGreaterThanOrEqual(90);
  await info.attach('report', { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });

  const records = page.getByRole('region', { name: 'Records', exact: true });
  const first = records.getByRole('button').first();
  await first.click();
  await expect(records.getByText(/P\(.+\) .+ → .+/).first()).toBeVisible();
  await page.getByLabel('Search records').fill('no such subject');
  await expect(page.getByText('0 of 10')).toBeVisible();

  await page.getByRole('button', { name: 'Measure damage', exact: true }).click();
  const damage = page.getByRole('region', { name: 'Damage', exact: true });
  await expect(damage.getByText(/facts and 100 sentences asked in/)).toBeVisible({ timeout: 600_000 });
  await expect(damage.getByRole('list', { name: 'Facts kept after each patch' })).toContainText(/\d\s%\skept/);
  await expect(damage).toContainText(/Perplexity.*\d+ → \d+/);

  const cases = JSON.parse(await saved(page, 'Cases (JSON)')) as { summary: { post: object }; cases: object[] };
  expect(cases.cases).toHaveLength(10);
  expect(cases.summary.post).toHaveProperty('rewrite_success');
  // A zip begins with the header of its first file, which names it.
  expect(await saved(page, 'Case files (ZIP)')).toMatch(/^PK.{28}10_edits-case_\d+\.json/su);
  expect((await saved(page, 'Prompts (CSV)')).split('\r\n').length).toBeGreaterThan(10 * 3);
  expect(await saved(page, 'Report (HTML)')).toMatch(/^<!doctype html>[^]*<h2>Prompts<\/h2>/);
});

test('records of one’s own: faults are told, good ones are measured, the model stays as it is', async ({ page }) => {
  await openBenchmark(page);
  await page.getByRole('radio', { name: 'Imported' }).click();
  await expect(page.locator('#benchmark-note')).toHaveText('Import a file of records first.');
  const table =
    'subject,prompt,object,true object\nFrance,The capital of {} is,Rome,Paris\nSpain,no place for it,Rome,Madrid\n';
  await page
    .getByLabel('Records file')
    .setInputFiles({ name: 'mine.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
  await expect(page.getByText('1 record, 0 paraphrases, 0 neighbours; 1 record left out.')).toBeVisible();
  await expect(page.getByRole('list', { name: 'Left out' })).toContainText(
    'Record 2: the subject “Spain” does not stand',
  );
  await page.getByRole('button', { name: 'Only measure' }).click();
  await expect(page.getByText('1 record measured in')).toBeVisible({ timeout: 600_000 });
  await expect(page.getByRole('switch')).toHaveCount(0);
  await expect(page.getByRole('region', { name: 'Metrics', exact: true })).toContainText('nothing to measure');

  await page
    .getByLabel('Records file')
    .setInputFiles({ name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from('[{"a": 1') });
  await expect(page.getByRole('alert')).toContainText('The records could not be read.');
  await expect(page.getByText('mine.csv')).toHaveCount(2);
});

test('a table whose columns say nothing: they are asked for, and can be read otherwise', async ({ page }) => {
  await openBenchmark(page);
  await page.getByRole('radio', { name: 'Imported' }).click();
  const table = 'who,says,becomes\nFrance,The capital of {} is,Rome\nSpain,The capital of {} is,Oslo\n';
  await page
    .getByLabel('Records file')
    .setInputFiles({ name: 'odd.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
  const dialog = page.getByRole('dialog', { name: 'Columns' });
  const read = dialog.getByRole('button', { name: 'Read these records' });
  await expect(read).toBeDisabled();
  await dialog.getByLabel('Subject').selectOption('who');
  await dialog.getByLabel('Prompt').selectOption('becomes');
  await dialog.getByLabel('New object').selectOption('becomes');
  await read.click();
  await expect(dialog.getByRole('alert')).toContainText('the subject “France” does not stand in the prompt');
  await dialog.getByLabel('Prompt').selectOption('says');
  await read.click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText('“The capital of France is” → Rome')).toBeVisible();

  await page.getByRole('button', { name: 'Columns…' }).click();
  await expect(dialog.getByLabel('Prompt')).toHaveValue('says');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Only measure' }).click();
  await expect(page.getByText('2 records measured in')).toBeVisible({ timeout: 600_000 });
  const metrics = page.getByRole('region', { name: 'Metrics', exact: true });
  // Without a true object there are no two to compare: the tokens count.
  await expect(metrics).toContainText('efficacy');
  await expect(page.getByText('These records have no such prompts with two objects.')).toBeVisible();
});

test('thousands of records: listed smoothly, some of them drawn', async ({ page }) => {
  await openBenchmark(page);
  await page.getByRole('radio', { name: 'Imported' }).click();
  const lines = Array.from({ length: 5000 }, (_, i) =>
    i % 10 === 9 ? `Nobody ${i},no place for it,Rome,Paris` : `Town ${i},{} is a town in,Italy,France`,
  );
  await page.getByLabel('Records file').setInputFiles({
    name: 'many.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(['subject,prompt,object,true object', ...lines].join('\n')),
  });
  await expect(page.getByText('4,500 records, 0 paraphrases, 0 neighbours; 500 records left out.')).toBeVisible();
  await page.getByText('Show all records').click();
  const list = page.getByRole('region', { name: 'Imported records' });
  await expect(list.getByText('“Town 0 is a town in” France → Italy')).toBeVisible();
  // Only what is in view is drawn.
  expect(await list.getByRole('listitem').count()).toBeLessThan(60);
  await list.evaluate((frame) => {
    frame.scrollTop = frame.scrollHeight;
  });
  await expect(list.getByText('“Town 4998 is a town in” France → Italy')).toBeVisible();
  await page.getByLabel('Search imported records').fill('town 77 is');
  await expect(list.getByRole('listitem')).toHaveCount(1);
  expect(await page.getByRole('region', { name: 'Left out' }).getByRole('listitem').count()).toBeLessThan(60);

  await expect(page.getByLabel('Use', { exact: true })).toHaveValue('100');
  await page.getByLabel('Use', { exact: true }).fill('5000');
  await expect(page.locator('#benchmark-note')).toHaveText('Use from 1 to 4,500 records.');
  await page.getByLabel('Use', { exact: true }).fill('3');
  await page.getByLabel('Seed').fill('5');
  await page.getByRole('button', { name: 'Only measure' }).click();
  await expect(page.getByText('3 records measured in')).toBeVisible({ timeout: 600_000 });
  await expect(page.getByRole('heading', { name: '3 of many.csv' })).toBeVisible();
});

test('texts that the model writes, and two settings side by side', async ({ page }) => {
  await openBenchmark(page);
  await page.getByRole('radio', { name: '1 fact', exact: true }).click();
  await page.getByLabel('Let it write texts').check();
  const metrics = page.getByRole('region', { name: 'Metrics', exact: true });
  await page.getByRole('button', { name: 'Edit and measure' }).click();
  await expect(page.getByText('1 record measured in')).toBeVisible({ timeout: 600_000 });
  await expect(metrics).toContainText(/GE Fluency\d+\.\d/);
  await expect(metrics).toContainText('RS Consistencynot available');
  const records = page.getByRole('region', { name: 'Records', exact: true });
  await records.getByRole('button').first().click();
  await expect(records.getByText(/10 texts; GE .+; RS not available/)).toBeVisible();
  expect((await saved(page, 'Texts (CSV)')).split('\r\n').length).toBeGreaterThan(10);

  const [subject, object] = ((await records.getByRole('button').first().textContent()) ?? '').split(' → ');
  const about = `object,text\n${object.replace(/[EPN]S .*$/, '').trim()},"${subject} is written about here"\n`;
  await page
    .getByLabel('Reference texts file')
    .setInputFiles({ name: 'about.csv', mimeType: 'text/csv', buffer: Buffer.from(about) });
  await expect(page.getByText('about.csv: 1 text about 1 object.')).toBeVisible();

  await page.getByRole('tab', { name: 'Run', exact: true }).click();
  await page.getByLabel('λ', { exact: true }).fill('5');
  await page.getByRole('tab', { name: 'Benchmark' }).click();
  await page.getByLabel('Edit the unedited model').check();
  await page.getByRole('button', { name: 'Edit and measure' }).click();
  await expect(page.getByRole('region', { name: 'Reports' })).toBeVisible({ timeout: 600_000 });
  await expect(metrics).toContainText(/RS Consistency\d/);
  await expect(page.getByRole('switch')).toHaveCount(2);
  await expect(page.getByRole('switch', { checked: true })).toHaveCount(1);

  await page.getByLabel('Compared with').selectOption({ index: 1 });
  const comparison = page.getByRole('region', { name: 'Comparison', exact: true });
  await expect(comparison).toContainText('The runs differ in λ (');
  await expect(comparison.getByRole('row', { name: /^ES/ })).toContainText('100');
  await expect(comparison.getByRole('list', { name: 'Prompt by prompt' })).toContainText('Edits: 1 right in both');
});

test('a sweep of λ: both values are measured, the better one is taken for the next run', async ({ page }) => {
  await openBenchmark(page);
  await page.getByRole('radio', { name: '1 fact', exact: true }).click();
  const card = page.getByRole('region', { name: 'Sweep' });
  const values = card.getByLabel('Values, with spaces between');
  await values.fill('100 x');
  await expect(card.getByText('“x”: Write a number.').first()).toBeVisible();
  await expect(card.getByRole('button', { name: 'Run sweep' })).toBeDisabled();
  await values.fill('100 10000000');
  await card.getByLabel('Measure damage').uncheck();
  await card.getByRole('button', { name: 'Run sweep' }).click();
  await expect(card.getByText(/1 record, seed 0: 2 values in/)).toBeVisible({ timeout: 600_000 });
  await expect(card.getByRole('img', { name: /^ES by λ\. 100: 100 %; 10000000: 0 %\./ })).toBeVisible();
  await expect(card.getByRole('list', { name: 'Values' }).getByText('(best)')).toHaveCount(1);
  await card.getByRole('button', { name: 'Use λ 100 for the next run' }).click();
  await page.getByRole('tab', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('textbox', { name: 'λ' })).toHaveValue('100');
  // Nothing was left behind.
  await expect(page.getByRole('switch')).toHaveCount(0);
});
