/**
 * Seconds from opening the built page to the first finished edit, in the machine's Chromium on WASM: `npm run bench:page`.
 * One edit of the demo model, three times, each in a fresh browser profile.
 */
import { chromium } from '@playwright/test';
import { findChromium } from '../scripts/chromium.mjs';
import { serveSite } from '../scripts/site.mjs';
import { CHROMIUM_FLAGS } from '../tests/browser/fixtures/chromium.ts';

const RUNS = 3;

const site = await serveSite({ directory: 'dist', host: 'localhost', port: 5190, nextFree: true });
const seconds = { ready: [] as number[], edited: [] as number[] };
for (let run = 0; run < RUNS; run += 1) {
  const browser = await chromium.launch({ executablePath: findChromium() ?? undefined, args: [...CHROMIUM_FLAGS] });
  const page = await browser.newPage();
  const start = performance.now();
  await page.goto(`${site.address}?backend=wasm`);
  const button = page.getByRole('button', { name: 'Run MEMIT' });
  while (!(await button.isEnabled())) await page.waitForTimeout(20);
  seconds.ready.push((performance.now() - start) / 1000);
  for (const number of [3, 2]) await page.getByRole('button', { name: `Remove edit ${number}` }).click();
  while (!(await button.isEnabled())) await page.waitForTimeout(20);
  await button.click();
  await page.getByRole('switch').waitFor({ timeout: 120_000 });
  seconds.edited.push((performance.now() - start) / 1000);
  await browser.close();
}
await site.close();
const median = (values: number[]): string => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)].toFixed(1);
console.log(
  `Model ready after ${median(seconds.ready)} s, first edit finished after ${median(seconds.edited)} s (median of ${RUNS}).`,
);
process.exit(0);
