/** Every state of the page, in light and dark colours, against WCAG 2.2 AA by axe-core; and no sideways scrolling at 320 px. */
import { expect } from '@playwright/test';
import { expectAccessible } from './fixtures/accessibility.ts';
import { EDITS, open, row, run, typeEdit } from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

test('every tab, with something in it and without, passes axe-core', async ({ page }) => {
  const tab = (name: string): Promise<void> => page.getByRole('tab', { name }).click();
  await open(page);
  for (const name of ['Trace', 'Lens', 'Run', 'Result', 'Benchmark']) {
    await tab(name);
    await expectAccessible(page, `${name}, empty`);
  }

  await tab('Run');
  await typeEdit(page, 1, EDITS[0]);
  await run(page);
  await expectAccessible(page, 'Run, done');
  await tab('Result');
  await page.getByRole('region', { name: 'What the change moves' }).getByRole('button', { name: 'Measure' }).click();
  await expect(page.getByRole('img', { name: /^Cosines of the keys/ })).toBeVisible();
  await expectAccessible(page, 'Result');
  await tab('Lens');
  await page.getByRole('button', { name: 'Read layers' }).click();
  await expect(page.getByRole('grid')).toHaveCount(2);
  await expectAccessible(page, 'Lens');

  await tab('Trace');
  await page.getByRole('button', { name: 'Trace', exact: true }).last().click();
  await page.getByRole('button', { name: 'Trace the unedited model as well' }).click();
  await expect(page.getByRole('heading', { name: /^Before: the unedited model says ·French/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: /^After: the model as it is now says ·Russian/ })).toBeVisible();
  await expect(page.getByText(/token-layers computed, where full passes/)).toBeVisible();
  await expectAccessible(page, 'Trace, before and after');

  // Switched off, and a row at fault.
  await page.getByRole('switch').click();
  await page.getByRole('button', { name: 'Add edit' }).click();
  await expect(row(page, 4)).toBeVisible();
  await expectAccessible(page, 'A patch that is off, an empty row');

  await page.getByRole('button', { name: 'Help' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessible(page, 'Help');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.getByRole('button', { name: 'Open model…' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessible(page, 'Models');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  await page.setViewportSize({ width: 320, height: 640 });
  for (const column of ['Edits', 'Work', 'History']) {
    await page.getByRole('tab', { name: column, exact: true }).click();
    const [scroll, client] = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    expect(scroll, `${column} at 320 px`).toBeLessThanOrEqual(client);
  }
});
