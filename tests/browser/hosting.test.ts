/** The build on a plain file host: without the headers that threads need, and under a path. */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from '@playwright/test';
import { serveSite } from '../../scripts/site.mjs';
import { open, topToken } from './fixtures/page.ts';
import { test } from './fixtures/test.ts';

test('without COOP and COEP, under a path: says that it runs on one thread, and predicts', async ({ page }) => {
  const root = await mkdtemp(join(tmpdir(), 'host-'));
  await mkdir(join(root, 'pages'));
  await cp(resolve('dist'), join(root, 'pages', 'playground'), { recursive: true });
  const site = await serveSite({ directory: root, host: 'localhost', port: 0, isolated: false });
  const missing: string[] = [];
  page.on('response', (response) => {
    if (response.status() >= 400) missing.push(response.url());
  });
  try {
    await open(page, `${site.address}pages/playground/?backend=wasm`);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    const header = page.getByRole('banner');
    await expect(header).toContainText('WASM runs on one thread here');
    await expect(header).toContainText('WASM, 1 thread');
    await expect(topToken(page, 1)).toContainText('%');
    expect(missing).toEqual([]);
  } finally {
    await site.close();
    await rm(root, { recursive: true });
  }
});
