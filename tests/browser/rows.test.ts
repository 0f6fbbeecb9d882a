/** The list of edits as a list, the picture of where an edit is aimed, the tour and the help: nothing is run. */
import { readFile } from 'node:fs/promises';
import { expect, type Page } from '@playwright/test';
import { open, payload, row, runButton } from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

async function pasteLines(page: Page, lines: readonly string[]): Promise<void> {
  await page.getByRole('button', { name: 'Paste lines…' }).click();
  await page.getByLabel('Edits to add').fill(lines.join('\n'));
  await page.getByRole('button', { name: 'Add these edits' }).click();
}

test('rows are looked for, chosen, moved, removed and brought back; files of edits go out and in', async ({ page }) => {
  await open(page);
  const people = Array.from({ length: 6 }, (_, i) => `Person ${i}`);
  await pasteLines(
    page,
    people.map((name) => `${name} | {} was born in | Rome`),
  );
  // Of a long list, rows that come are closed; those that were open stay so.
  await expect(row(page, 9)).toContainText('Person 5 → Rome');
  await expect(row(page, 9).getByLabel('Subject')).toHaveCount(0);
  await expect(row(page, 1).getByLabel('Subject')).toBeVisible();
  await row(page, 9).getByRole('button', { name: 'Fields of edit 9' }).click();
  await expect(row(page, 9).getByLabel('Subject')).toHaveValue('Person 5');

  const search = page.getByRole('searchbox', { name: 'Look for edits' });
  await search.fill('person');
  await expect(page.getByText('6 of 9 edits')).toBeVisible();
  await page.getByRole('checkbox', { name: 'All' }).check();
  await search.fill('');
  const chosen = page.getByRole('group', { name: 'Chosen edits' });
  await expect(chosen).toContainText('6 chosen');
  await chosen.getByRole('button', { name: 'Move up' }).click();
  await expect(row(page, 3)).toContainText('Person 0 → Rome');
  await chosen.getByRole('button', { name: 'Remove' }).click();
  await expect(search).toBeFocused();
  await expect(page.getByText('Removed 6 edits.')).toBeVisible();
  await expect(page.getByRole('group', { name: /^Edit \d+$/ })).toHaveCount(3);
  await page.getByRole('button', { name: 'Undo removal' }).click();
  await expect(row(page, 3)).toContainText('Person 0 → Rome');

  const menu = page.getByRole('button', { name: 'More for the list of edits' });
  await menu.click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Export as JSON' }).click(),
  ]);
  const file = await readFile(await download.path());
  await menu.click();
  await page.getByRole('menuitem', { name: 'Remove all edits' }).click();
  await expect(page.getByText('No edit yet', { exact: true })).toBeVisible();
  await page.getByLabel('File of edits').setInputFiles(payload('edits.json', file));
  await expect(row(page, 9)).toBeVisible();
  await expect(row(page, 3)).toContainText('Person 0 → Rome');

  // What cannot be read is told, and nothing is lost.
  const broken = [{ subject: 'A', prompt: '{} is in', target_new: 'B' }, { subject: 'C' }];
  await page.getByLabel('File of edits').setInputFiles(payload('two.json', JSON.stringify(broken)));
  await expect(page.getByText(/^Record 2: left out: /)).toBeVisible();
  await expect(row(page, 10)).toContainText('A → B');
  await page.getByLabel('File of edits').setInputFiles(payload('none.json', '{'));
  await expect(page.getByText(/No record can be used|not valid JSON/)).toBeVisible();
  await expect(row(page, 10)).toContainText('A → B');
});

test('the picture of an edit aims it: layers and tokens can be pressed, by keys as well', async ({ page }) => {
  await open(page);
  const card = page.getByRole('region', { name: 'How the edit is made' });
  const layers = page.getByRole('textbox', { name: 'Layers' });
  const before = await layers.inputValue();
  // At its name: further right other parts lie over it.
  await card.getByRole('button', { name: 'Edit layer 5' }).click({ position: { x: 30, y: 8 } });
  await expect(layers).toHaveValue(`${before}, 5`);
  await expect(card.getByRole('button', { name: 'Edit layer 5' })).toHaveAttribute('aria-pressed', 'true');
  await card.getByRole('button', { name: 'Edit layer 5' }).press('Enter');
  await expect(layers).toHaveValue(before);

  const subject = row(page, 1).getByLabel('Subject');
  const whole = await subject.inputValue();
  await card
    .getByRole('button', { name: /^Aim the edit at/ })
    .last()
    .click();
  const longer = await subject.inputValue();
  expect(longer.startsWith(`${whole} `)).toBe(true);
  await expect(row(page, 1).getByRole('textbox', { name: 'Prompt' })).toHaveValue('{}');
  await expect(runButton(page)).toBeEnabled();

  await card.getByRole('button', { name: 'C', exact: true }).focus();
  await expect(card).toContainText('What must stay');
});

test('a first visit has a tour, which is seen once and comes back from the help; the help can be searched', async ({
  page,
}) => {
  // Until the model is there, a trace made before is shown.
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/models/demo/model.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('/?backend=wasm');
  await page.getByRole('tab', { name: 'Trace', exact: true }).click();
  await expect(page.getByText('An example, until the model is there')).toBeVisible();
  await expect(page.getByRole('grid', { name: /^Example: probability of ·Apple/ })).toBeVisible();
  // Loading can be stopped, and begun again.
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('The model could not be loaded.');
  await page.getByRole('button', { name: 'Try again' }).click();
  release();
  await expect(page.getByText('An example, until the model is there')).toHaveCount(0, { timeout: 600_000 });
  await expect(runButton(page).or(page.getByRole('button', { name: 'Trace', exact: true }).last())).toBeEnabled();

  const tour = page.getByRole('region', { name: 'Tour' });
  await expect(tour).toContainText('1 of 4');
  await tour.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('tab', { name: 'Trace', exact: true })).toHaveAttribute('aria-selected', 'true');
  await tour.getByRole('button', { name: 'Next' }).click();
  await tour.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('tab', { name: 'Result' })).toHaveAttribute('aria-selected', 'true');
  await tour.getByRole('button', { name: 'End the tour' }).click();
  await expect(tour).toHaveCount(0);
  await page.reload();
  await expect(runButton(page)).toBeEnabled({ timeout: 600_000 });
  await expect(tour).toHaveCount(0);

  await page.keyboard.press('?');
  const help = page.getByRole('dialog');
  await help.getByRole('searchbox', { name: 'Look in the help' }).fill('undo');
  await expect(help.getByRole('term')).toHaveText(['CtrlZ']);
  await help.getByRole('button', { name: 'Take the tour' }).click();
  await expect(tour).toContainText('1 of 4');
  await tour.getByRole('button', { name: 'Skip the tour' }).click();
  await expect(tour).toHaveCount(0);

  // The first stop of the keys leads past the list.
  await page.getByRole('button', { name: 'Skip to the work' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('tab', { name: 'Run', exact: true })).toBeFocused();
});
