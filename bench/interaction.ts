/**
 * `npm run bench:interaction`: bytes of script before the model, and how long the page takes from a press or a key to the next paint while a
 * run of many edits goes on, in the machine's Chromium on WASM. The page must have been built.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type Page } from '@playwright/test';
import { findChromium } from '../scripts/chromium.mjs';
import { serveSite } from '../scripts/site.mjs';
import { CHROMIUM_FLAGS } from '../tests/browser/fixtures/chromium.ts';

const EDITS = 40;
const ROUNDS = 6;

/** Scripts that index.html names, by their size as sent. */
function firstLoad(): { file: string; bytes: number }[] {
  const html = readFileSync('dist/index.html', 'utf8');
  const names = [...html.matchAll(/(?:src|href)="\.?\/?(assets\/[^"]+\.js)"/g)].map(([, name]) => name);
  return names.map((file) => ({ file, bytes: gzipSync(readFileSync(join('dist', file))).length }));
}

/** From here on, how long every event took until the paint after it, in ms (Event Timing, in steps of 8 ms). */
async function observe(page: Page): Promise<void> {
  await page.evaluate(() => {
    const durations: number[] = [];
    Object.assign(globalThis, { durations });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as PerformanceEventTiming[]) {
        if (entry.interactionId > 0) durations.push(entry.duration);
      }
    }).observe({ type: 'event', durationThreshold: 16, buffered: false } as PerformanceObserverInit);
  });
}

const scripts = firstLoad();
const total = scripts.reduce((sum, { bytes }) => sum + bytes, 0);
console.log(`First load: ${scripts.length} scripts, ${(total / 1000).toFixed(0)} KB as sent (gzip).`);

const site = await serveSite({ directory: 'dist', host: 'localhost', port: 5190, nextFree: true });
const browser = await chromium.launch({ executablePath: findChromium() ?? undefined, args: [...CHROMIUM_FLAGS] });
const page = await browser.newPage({ viewport: { width: 1440, height: 960 } });
await page.goto(`${site.address}?backend=wasm`);
const run = page.getByRole('button', { name: 'Run MEMIT' });
while (!(await run.isEnabled())) await page.waitForTimeout(20);
await page.getByRole('button', { name: 'Skip the tour' }).click();
await page.getByRole('button', { name: 'Paste lines…' }).click();
const lines = Array.from({ length: EDITS }, (_, i) => `Person ${i} | {} was born in the city of | Rome`);
await page.getByLabel('Edits to add').fill(lines.join('\n'));
await page.getByRole('button', { name: 'Add these edits' }).click();
while (!(await run.isEnabled())) await page.waitForTimeout(50);
await run.click();
await page.getByText(/step \d+, \d+ of/).waitFor({ timeout: 120_000 });
await observe(page);
let presses = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  for (const tab of ['Trace', 'Lens', 'Result', 'Benchmark', 'Run']) {
    await page.getByRole('tab', { name: tab, exact: true }).click();
    presses += 1;
    await page.waitForTimeout(60);
  }
  await page.getByRole('searchbox', { name: 'Look for edits' }).pressSequentially('per', { delay: 40 });
  await page.getByRole('searchbox', { name: 'Look for edits' }).fill('');
  await page.getByRole('button', { name: 'Fields of edit 6', exact: true }).click();
  presses += 4;
}
const stillRunning = await page.getByRole('button', { name: 'Pause' }).isEnabled();
const durations = await page.evaluate(() => (globalThis as unknown as { durations: number[] }).durations);
await browser.close();
await site.close();
const sorted = durations.toSorted((a, b) => a - b);
const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
console.log(
  `${presses} presses and keys while a run of ${EDITS + 3} edits ${stillRunning ? 'went on' : 'had ended before the last'}: next paint after ` +
    `${at(0.5)} ms (median), ${at(0.98)} ms (98 %), ${at(1)} ms at most; ${durations.length} events took 16 ms or more.`,
);
process.exit(0);
