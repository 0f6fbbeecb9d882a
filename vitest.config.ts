/**
 * Tests with Vitest: `unit` for everything that computes, `gpu` for the kernels on a WebGPU device in Node, one file at a time, and
 * `chromium` for the same kernels in the machine's browser.
 */
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { findChromium } from './scripts/chromium.mjs';
import { CHROMIUM_FLAGS } from './tests/browser/fixtures/chromium.ts';

/** Ends what hangs, in ms. No test is to fail because a machine is slow; the statistics of a real model alone can take an hour on one. */
const HANG = (process.env.MEMIT_REAL_MODEL ? 180 : 15) * 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: HANG,
          hookTimeout: HANG,
        },
      },
      {
        test: {
          name: 'gpu',
          include: ['tests/gpu/**/*.test.ts'],
          environment: 'node',
          pool: 'forks',
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: HANG,
          hookTimeout: HANG,
        },
      },
      {
        test: {
          name: 'chromium',
          include: ['tests/gpu/{linear-algebra,products}.test.ts'],
          fileParallelism: false,
          testTimeout: HANG,
          hookTimeout: HANG,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                executablePath: findChromium() ?? undefined,
                // The tests find out what reads workgroup memory before it wrote it.
                args: [...CHROMIUM_FLAGS, '--enable-dawn-features=disable_workgroup_init'],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
