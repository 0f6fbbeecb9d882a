/** Browser tests: the built page in the machine's Chromium, on whatever adapter it has, software included. */
import { defineConfig } from '@playwright/test';
import { findChromium } from './scripts/chromium.mjs';
import { CHROMIUM_FLAGS } from './tests/browser/fixtures/chromium.ts';

const PORT = 5180;
const ADDRESS = `http://localhost:${PORT}/`;
const executablePath = findChromium();
if (executablePath === null) throw new Error('No Chromium was found; “node scripts/chromium.mjs” installs one.');
// The workers read this file again: they need not search again.
process.env.CHROMIUM_PATH = executablePath;

export default defineConfig({
  testDir: 'tests/browser',
  testMatch: '**/*.test.ts',
  outputDir: 'test-results/browser',
  // They end what hangs: whole edits are run on machines without a GPU, and no test is to fail because a machine is slow.
  timeout: 20 * 60_000,
  expect: { timeout: 120_000 },
  workers: 1,
  forbidOnly: process.env.CI !== undefined,
  reporter: [['list'], ['json', { outputFile: 'test-results/browser.json' }]],
  use: {
    actionTimeout: 120_000,
    baseURL: ADDRESS,
    browserName: 'chromium',
    acceptDownloads: true,
    screenshot: 'only-on-failure',
    launchOptions: { executablePath, args: [...CHROMIUM_FLAGS] },
  },
  webServer: {
    command: `node scripts/start.mjs --port ${PORT}`,
    url: ADDRESS,
    timeout: 600_000,
    reuseExistingServer: false,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 5_000 },
  },
});
