/**
 * Takes the pictures of the documentation, docs/screenshot.png and docs/screenshot-dark.png: the built page with the
 * result of three edits. Build the page first.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { ensureChromium } from './chromium.mjs';
import { serveSite } from './site.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {{ colorScheme: 'light' | 'dark', file: string }[]} */
const PICTURES = [
  { colorScheme: 'light', file: 'screenshot.png' },
  { colorScheme: 'dark', file: 'screenshot-dark.png' },
];

const site = await serveSite({ directory: join(ROOT, 'dist'), host: 'localhost', port: 0 });
const browser = await chromium.launch({ executablePath: ensureChromium(), args: ['--no-sandbox'] });
try {
  for (const { colorScheme, file } of PICTURES) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme });
    await page.goto(`${site.address}?backend=wasm`);
    // The demo model opens with its three examples filled in.
    await page.getByRole('button', { name: 'Run MEMIT', disabled: false }).click({ timeout: 120_000 });
    await page.getByText('3 of 3 edits took', { exact: true }).waitFor({ timeout: 240_000 });
    await page.getByRole('button', { name: 'See the result' }).click();
    await page.getByRole('region', { name: 'Summary' }).waitFor();
    await page.getByText('Ready', { exact: true }).waitFor();
    await page.evaluate(() => document.fonts.ready);
    const path = join(ROOT, 'docs', file);
    await page.screenshot({ path });
    await page.close();
    console.log(path);
  }
} finally {
  await browser.close();
  await site.close();
}
