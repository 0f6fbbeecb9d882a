/** Causal traces on the page: from an edit's prompt to the heat map, the layers it proposes and its files. */
import { expect, type Locator, type Page } from '@playwright/test';
import { downloadTrace, open, row, runButton } from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

const LAYERS = 8;
/** Hidden state, MLP, attention, and the hidden state with either severed. */
const GRIDS = 5;

function heatMap(page: Page): Locator {
  return page.getByRole('grid');
}

function cell(page: Page, token: number, layer: number): Locator {
  return heatMap(page).getByRole('row').nth(token).getByRole('gridcell').nth(layer);
}

/** Waits until the trace under way has ended well. */
async function traced(page: Page): Promise<void> {
  const start = page.getByRole('region', { name: 'Start a trace' });
  await expect(start).toContainText(/Done in .* token-layers computed/, { timeout: 600_000 });
  await expect(page.getByText('could not be traced')).toHaveCount(0);
}

/** How many tokens the first row's prompt has; the new object's come after an arrow. */
async function tokenCount(page: Page): Promise<number> {
  const items = row(page, 1).getByRole('list', { name: 'Tokens of the prompt' }).getByRole('listitem');
  await expect(items.filter({ hasText: 'new object:' })).toHaveCount(1);
  return (await items.allTextContents()).indexOf('new object:');
}

test('a row’s prompt is traced, read by keys, applied to the run and saved', async ({ page }, info) => {
  await open(page);
  const tokens = await tokenCount(page);
  await page.getByRole('button', { name: 'Trace edit 1' }).click();
  await expect(page.getByRole('tab', { name: 'Trace' })).toHaveAttribute('aria-selected', 'true');
  await traced(page);

  // Every kind has a score in every cell.
  const kinds = page.getByRole('radiogroup', { name: 'State restored' });
  const names = await kinds.getByRole('radio').allTextContents();
  expect(names).toHaveLength(GRIDS);
  for (const name of names) {
    await kinds.getByRole('radio', { name, exact: true }).click();
    const cells = heatMap(page).getByRole('gridcell');
    await expect(cells).toHaveCount(tokens * LAYERS);
    const words = await cells.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label') ?? ''));
    for (const text of words) expect(text).toMatch(/, layer \d: .*%, effect [+−±][\d.]+.points, the model would say ./);
  }
  await kinds.getByRole('radio', { name: 'Hidden state' }).click();

  // The last layer's state at the last token is the answer itself: restoring it brings the clean probability back.
  const heat = page.getByRole('region', { name: 'Heat map' });
  const says = await heat.locator('strong').first().textContent();
  await expect(cell(page, tokens, LAYERS - 1)).toHaveAccessibleName(
    new RegExp(`: ${says?.replace('.', '\\.') ?? ''}, effect`),
  );

  // One cell is in the tab order; the arrows go from there, and the reading follows.
  const stops = heatMap(page).locator('[role=gridcell][tabindex="0"]');
  await expect(stops).toHaveCount(1);
  await stops.focus();
  await page.keyboard.press('Control+Home');
  await expect(cell(page, 1, 0)).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await expect(cell(page, 2, 1)).toBeFocused();
  await expect(stops).toHaveCount(1);
  await expect(heat.getByRole('definition').nth(1)).toHaveText('1');
  await page.keyboard.press('Control+End');
  await expect(cell(page, tokens, LAYERS - 1)).toBeFocused();
  await expect(heat.getByRole('definition').nth(1)).toHaveText(String(LAYERS - 1));

  // The same numbers as a table and as a file.
  await heat.getByText('Show as table').click();
  await expect(heat.getByRole('region').getByRole('row')).toHaveCount(1 + tokens);
  const csv = await downloadTrace(page, 'Numbers as CSV');
  expect(csv.name).toMatch(/^trace-.*\.csv$/);
  const lines = csv.bytes.toString('utf8').trim().split('\r\n');
  expect(lines[0]).toBe('restored,severed,token index,token,subject,position,layer,P(answer),indirect effect,says');
  expect(lines).toHaveLength(1 + GRIDS * tokens * LAYERS);
  const svg = await downloadTrace(page, 'Heat map as SVG');
  expect(svg.bytes.toString('utf8').match(/<title>/g)).toHaveLength(tokens * LAYERS);
  const png = await downloadTrace(page, 'Heat map as PNG');
  expect(png.bytes.subarray(1, 4).toString('latin1')).toBe('PNG');
  expect(png.bytes.length).toBeGreaterThan(5_000);

  // The band, moved by hand, is what the next run edits.
  const layers = page.getByRole('region', { name: 'Layers to edit' });
  await layers.getByRole('slider', { name: 'Last layer' }).press('End');
  await layers.getByRole('slider', { name: 'First layer' }).press('Home');
  await layers.getByRole('slider', { name: 'First layer' }).press('ArrowRight');
  await layers.getByRole('slider', { name: 'Last layer' }).press('ArrowLeft');
  await layers.getByRole('button', { name: 'Edit layers 1–6' }).click();
  await info.attach('trace', { body: await page.screenshot({ fullPage: true }), contentType: 'image/png' });
  await layers.getByRole('button', { name: 'Go to Run' }).click();
  await expect(page.getByRole('textbox', { name: 'Layers' })).toHaveValue('1, 2, 3, 4, 5, 6');
  await expect(runButton(page)).toBeEnabled();

  // The trace is kept when the tab is left, and says so when its edit changes.
  await row(page, 1).getByLabel('Subject').fill('Toko Yasuda');
  await page.getByRole('tab', { name: 'Trace' }).click();
  await expect(page.getByText('The edit has changed since this trace.')).toBeVisible();
});

test('the average over known facts proposes layers and can be cancelled', async ({ page }) => {
  await open(page);
  await page.getByRole('tab', { name: 'Trace' }).click();
  const group = page.getByRole('group', { name: 'Average over known facts' });
  await group.getByLabel('Number of known facts').fill('400');
  await group.getByRole('button', { name: 'Trace facts' }).click();
  await expect(page.getByRole('button', { name: 'Stop' })).toBeVisible();
  await expect(group).toContainText(/fact/);
  await group.getByRole('button', { name: 'Cancel' }).click();
  await expect(group).toContainText('Cancelled');
  await expect(page.getByRole('button', { name: 'Trace edit 1' })).toBeEnabled();

  await group.getByLabel('Number of known facts').fill('4');
  await group.getByRole('button', { name: 'Trace facts' }).click();
  await expect(group).toContainText(/\d facts? traced, \d+ skipped/, { timeout: 600_000 });
  const curves = page.getByRole('region', { name: 'Effect by layer' });
  await expect(curves.getByRole('img').first()).toHaveAccessibleName(
    /last subject token at most [+−±][\d.]+.points at layer \d/,
  );
  await curves.getByText('Show as table').click();
  await expect(curves.getByRole('columnheader', { name: '95 % interval ±' })).toBeVisible();
});
