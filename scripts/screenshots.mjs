/**
 * `npm run screenshots`: every state of the page, edits of the demo model made on the way, at four widths in light and dark colours, into
 * test-results/screenshots; and those that the README and docs/tour.md show, into docs. The page must have been built.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { ensureChromium } from './chromium.mjs';
import { serveSite } from './site.mjs';

/** @typedef {import('@playwright/test').Page} Page */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OUT = join(ROOT, 'test-results', 'screenshots');
const WIDTHS = [390, 768, 1440, 1920];
const SLOW = 600_000;
/** After a change of width, in ms. */
const SETTLED = 300;

/**
 * Which column or tab a state is in, where only one is shown.
 * @param {Page} page
 * @param {string} tab of the work
 */
async function showWork(page, tab) {
  const column = page.getByRole('tab', { name: 'Work', exact: true });
  if (await column.isVisible()) await column.click();
  await page.getByRole('tab', { name: tab, exact: true }).click();
}

/**
 * States in order; each begins where the one before ended.
 * @type {{ name: string, tab: string, docs?: { light: string, dark?: string }, reach?: (page: Page) => Promise<void>, show?: (page: Page) => Promise<void> }[]}
 */
const STATES = [
  { name: 'first-visit', tab: 'Run' },
  {
    name: 'next-run',
    tab: 'Run',
    reach: async (page) => page.getByRole('button', { name: 'Skip the tour' }).click(),
    show: async (page) => page.getByRole('region', { name: 'How the edit is made' }).scrollIntoViewIfNeeded(),
  },
  {
    name: 'trace',
    tab: 'Trace',
    docs: { light: 'trace.png' },
    reach: async (page) => {
      await page.getByRole('button', { name: 'Trace', exact: true }).last().click();
      await page.getByText(/token-layers computed, where full passes/).waitFor({ timeout: SLOW });
    },
  },
  {
    name: 'run',
    tab: 'Run',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Run MEMIT' }).click();
      await page.getByText(/edits took/).waitFor({ timeout: SLOW });
    },
  },
  {
    name: 'mechanism',
    tab: 'Run',
    docs: { light: 'mechanism.png' },
    show: async (page) => page.getByRole('region', { name: 'How the edit is made' }).scrollIntoViewIfNeeded(),
  },
  {
    name: 'residual',
    tab: 'Run',
    docs: { light: 'residual.png' },
    show: async (page) => page.getByRole('img', { name: /^Residual closed/ }).scrollIntoViewIfNeeded(),
  },
  {
    name: 'result',
    tab: 'Result',
    docs: { light: 'screenshot.png', dark: 'screenshot-dark.png' },
    reach: async (page) =>
      page
        .getByText(/of 3 edits/)
        .first()
        .waitFor({ timeout: SLOW }),
  },
  {
    name: 'reach',
    tab: 'Result',
    docs: { light: 'reach.png' },
    reach: async (page) => {
      const card = page.getByRole('region', { name: 'What the change moves' });
      await card.getByRole('button', { name: 'Measure' }).click();
      await page.getByRole('img', { name: /^Cosines of the keys/ }).waitFor({ timeout: SLOW });
    },
    show: async (page) => page.getByRole('region', { name: 'What the change moves' }).scrollIntoViewIfNeeded(),
  },
  {
    name: 'lens',
    tab: 'Lens',
    docs: { light: 'lens.png' },
    reach: async (page) => {
      await page.getByRole('button', { name: 'Read layers' }).click();
      await page.getByRole('grid').nth(1).waitFor({ timeout: SLOW });
    },
  },
  {
    name: 'trace-before-after',
    tab: 'Trace',
    docs: { light: 'trace-before-after.png' },
    reach: async (page) => {
      await page.getByRole('button', { name: 'Trace', exact: true }).last().click();
      await page.getByRole('heading', { name: /^Before: the unedited model/ }).waitFor({ timeout: SLOW });
      await page.getByText(/token-layers computed, where full passes/).waitFor({ timeout: SLOW });
    },
    show: async (page) => page.getByRole('heading', { name: /^Before: the unedited model/ }).scrollIntoViewIfNeeded(),
  },
  { name: 'benchmark', tab: 'Benchmark' },
  {
    name: 'sweep',
    tab: 'Benchmark',
    docs: { light: 'sweep.png' },
    reach: async (page) => {
      const card = page.getByRole('region', { name: 'Sweep' });
      await card.getByRole('button', { name: 'Run sweep' }).click();
      await card.getByText(/5 values in/).waitFor({ timeout: SLOW });
      await card.getByRole('img', { name: /^S by / }).waitFor({ timeout: SLOW });
    },
    show: async (page) => page.getByRole('list', { name: 'Values' }).scrollIntoViewIfNeeded(),
  },
  {
    name: 'many-edits',
    tab: 'Run',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Paste lines…' }).click();
      const lines = Array.from({ length: 8 }, (_, i) => `Person ${i + 1} | {} was born in the city of | Rome`);
      await page.getByLabel('Edits to add').fill(lines.join('\n'));
      await page.getByRole('button', { name: 'Add these edits' }).click();
      await page.getByRole('checkbox', { name: 'Choose edit 5' }).check();
    },
  },
];

const site = await serveSite({ directory: join(ROOT, 'dist'), host: 'localhost', port: 0 });
const browser = await chromium.launch({ executablePath: ensureChromium(), args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 960 }, reducedMotion: 'reduce' });
  await page.goto(`${site.address}?backend=wasm`);
  await page.getByText('The model now says').first().waitFor({ timeout: SLOW });
  mkdirSync(OUT, { recursive: true });
  for (const { name, tab, docs, reach, show } of STATES) {
    await page.setViewportSize({ width: 1440, height: 960 });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.waitForTimeout(SETTLED);
    await showWork(page, tab);
    await reach?.(page);
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: width < 600 ? 844 : 960 });
        // The columns become tabs, or tabs columns.
        await page.waitForTimeout(SETTLED);
        await showWork(page, tab);
        await show?.(page);
        await page.mouse.move(0, 0);
        await page.screenshot({ path: join(OUT, `${name}-${width}-${colorScheme}.png`) });
        const file = width === 1440 ? docs?.[colorScheme] : undefined;
        if (file !== undefined) await page.screenshot({ path: join(ROOT, 'docs', file) });
      }
    }
    console.log(name);
  }
} finally {
  await browser.close();
  await site.close();
}
