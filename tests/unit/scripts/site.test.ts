import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveSite } from '../../../scripts/site.mjs';

const root = mkdtempSync(join(tmpdir(), 'site-'));
let site: Awaited<ReturnType<typeof serveSite>>;

beforeAll(async () => {
  mkdirSync(join(root, 'dist'));
  writeFileSync(join(root, 'dist', 'a.txt'), 'inside');
  writeFileSync(join(root, 'secret.txt'), 'outside');
  mkdirSync(join(root, 'private'));
  writeFileSync(join(root, 'private', 'key.txt'), 'outside');
  symlinkSync(join(root, 'secret.txt'), join(root, 'dist', 'link.txt'));
  symlinkSync(join(root, 'secret.txt'), join(root, 'dist', 'page.html'));
  symlinkSync(join(root, 'private'), join(root, 'dist', 'folder'));
  symlinkSync(join(root, 'dist', 'a.txt'), join(root, 'dist', 'again.txt'));
  site = await serveSite({ directory: join(root, 'dist'), host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  await site.close();
  rmSync(root, { recursive: true });
});

/** The status of a path sent as it stands, which fetch would tidy up. */
function status(path: string, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: site.port, path, method }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

test.each([
  ['/a.txt', 200],
  ['/../secret.txt', 404],
  ['/..%2fsecret.txt', 404],
  ['/%2e%2e/secret.txt', 404],
  ['/..%5csecret.txt', 404],
  ['/link.txt', 404],
  ['/page', 404],
  ['/folder/key.txt', 404],
  ['/again.txt', 200],
  ['/a.txt%00', 400],
  ['/%', 400],
  ['/%ff', 400],
])('%s is answered with %i', async (path, expected) => {
  expect(await status(path)).toBe(expected);
});

test('only reading is allowed', async () => {
  expect(await status('/a.txt', 'POST')).toBe(405);
});
