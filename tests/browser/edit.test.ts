/** The whole path on the demo model: type, run, look, switch, download, read again, reload, undo. */
import { readFile } from 'node:fs/promises';
import { expect } from '@playwright/test';
import {
  deletePatch,
  downloadModel,
  EDITS,
  open,
  row,
  run,
  runButton,
  topToken,
  typeEdit,
  typeOneEdit,
} from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

test('three edits: run, compare, switch off and on, download, reload, undo', async ({ page }, info) => {
  await open(page);
  for (const [i, edit] of EDITS.entries()) await typeEdit(page, i + 1, edit);
  await run(page);

  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.object);
  await expect(page.getByRole('img', { name: /^Residual closed: layer 0: .*; left: [\d.]+ \(/ })).toBeVisible();
  const picture = page.getByRole('region', { name: 'How the edit is made' });
  const numbers = picture.getByRole('group', { name: /Layer 0: 100 % left before, \d+ % after\. Layer 1: / });
  await expect(numbers).toHaveAccessibleName(
    /^Jean Gaven → Russian, layers 0, 1, 2, 3\. After step \d+ the object has \d\d+ %\./,
  );
  await picture.getByLabel('Edit', { exact: true }).selectOption({ index: 2 });
  await expect(numbers).toHaveAccessibleName(/^iPhone 5 → Nokia/);
  for (const i of [1, 2, 3]) await expect(row(page, i)).toContainText('took');
  await page.getByRole('tab', { name: 'Result' }).click();
  const summary = page.getByRole('region', { name: 'Summary' });
  await expect(summary).toContainText(/3 of 3 edits/);
  const neighbours = /(\d+) of (\d+) neighbours/.exec((await summary.textContent()) ?? '');
  expect(Number(neighbours?.[2])).toBeGreaterThanOrEqual(20);
  expect(Number(neighbours?.[1]) / Number(neighbours?.[2])).toBeGreaterThanOrEqual(0.9);
  await info.attach('result', { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });

  // The change is large where the edits are, and small elsewhere.
  const moves = page.getByRole('region', { name: 'What the change moves' });
  await moves.getByRole('button', { name: 'Measure' }).click();
  await expect(moves.getByRole('img', { name: /^ordinary text’s keys, \d{3,}: half of them/ })).toHaveCount(4);
  await expect(moves.getByRole('img', { name: /^Cosines of the keys of 3 edits at layer 0/ })).toBeVisible();

  // The same, layer by layer: the old answer gives way to the new one.
  await page.getByRole('button', { name: 'Layer by layer…' }).first().click();
  const lens = page.getByRole('region', { name: 'Layer lens' });
  const maps = lens.getByRole('grid');
  await expect(maps).toHaveCount(2);
  await expect(lens).toContainText(/before, the layers say ·French from layer \d.*after, the layers say ·Russian from/);
  const last = 'The rank 1 of the last layer';
  await expect(maps.first().getByRole('gridcell', { name: /layer 7: ·French .*the old answer/ }), last).toHaveCount(1);
  await expect(maps.last().getByRole('gridcell', { name: /layer 7: ·Russian .*the new answer/ }), last).toHaveCount(1);
  await maps
    .last()
    .getByRole('gridcell', { name: /layer 7: ·Russian/ })
    .click();
  await page.keyboard.press('ArrowDown');
  await expect(lens.getByRole('heading', { name: /^Layer 6 at/ })).toBeVisible();
  await expect(lens.getByRole('list', { name: 'After: ten likeliest words of the layer' })).toContainText('·Russian');
  await info.attach('lens', { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });

  // Several prompts of one's own at once: what differs is marked.
  await page.getByRole('tab', { name: 'Result' }).click();
  const asked = page.getByRole('region', { name: 'Free prompt' });
  await asked
    .getByLabel('Try any prompt')
    .fill('The mother tongue of Jean Gaven is\nThe mother tongue of Jean Gabin is');
  await asked.getByLabel('Try any prompt').press('Enter');
  const answers = asked.getByRole('list', { name: 'Answers of both models' }).getByRole('listitem');
  await expect(answers.first().locator('dl mark')).toHaveText([/French/, /Russian/]);
  await expect(answers).toHaveCount(2);
  await expect(page.getByRole('article').getByText('specificity')).toBeVisible();
  await page.getByRole('tab', { name: 'Lens' }).click();

  await page.getByRole('switch').click();
  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.was);
  await expect(lens.getByRole('status')).toContainText('have changed since this reading');
  await page.getByRole('switch').click();
  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.object);

  const model = await downloadModel(page, 'Full model (F16)');
  expect(model.name).toMatch(/^demo-.*russian.*\.safetensors$/);
  const source = await readFile('public/models/demo/model.safetensors');
  expect(model.bytes.length).toBe(source.length);
  expect(model.bytes.equals(source)).toBe(false);

  await page.reload();
  await expect(page.getByRole('switch')).toBeChecked({ timeout: 600_000 });
  for (const [i, edit] of EDITS.entries()) await expect(topToken(page, i + 1)).toContainText(edit.object);

  await deletePatch(page);
  await expect(topToken(page, 1)).toContainText(EDITS[0].was);
  await page.getByRole('button', { name: /^Undo/ }).click();
  await expect(page.getByRole('switch')).toHaveCount(1);
  await expect(topToken(page, 1)).toContainText(EDITS[0].object);
});

test('a run is held, makes one step at a time, goes on, and is made afresh', async ({ page }) => {
  await open(page);
  await typeOneEdit(page);
  await runButton(page).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(page.getByText('Held before its next step.')).toBeVisible();
  const loss = page.getByRole('img', { name: /^Loss terms over the steps/ });
  const stepNow = async (): Promise<number> =>
    Number(/after step (\d+)/.exec((await loss.getAttribute('aria-label')) ?? '')?.[1] ?? -1);
  // Until the search is reached, a step is one of what comes before it.
  await expect(async () => {
    const before = await stepNow();
    await page.getByRole('button', { name: 'One step' }).click({ timeout: 2000 });
    await expect(page.getByText('Held before its next step.')).toBeVisible({ timeout: 5000 });
    expect(before).toBeGreaterThanOrEqual(0);
    expect(await stepNow()).toBe(before + 1);
  }).toPass({ timeout: 60_000 });
  // Long enough to be told.
  await page.waitForTimeout(1200);
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.getByText('1 of 1 edits took')).toBeVisible({ timeout: 600_000 });
  await expect(page.getByText(/Done in .*, of which it was held \d/)).toBeVisible();
  await expect(page.getByRole('switch')).toHaveCount(1);

  await page.getByRole('switch').click();
  await expect(topToken(page, 1)).toContainText(EDITS[0].was);
  // All of it is searched again: the loss begins at its first step.
  await page.getByRole('button', { name: 'Run afresh' }).click();
  await expect(page.getByText('1 of 1 edits took')).toBeVisible({ timeout: 600_000 });
  await expect(page.getByRole('switch')).toHaveCount(2);
});
