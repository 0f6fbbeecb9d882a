/**
 * `npm run test:faults`: the part of `npm test` that holds what docs/reliability.md promises: bad input, garbage in storage, full disks, cut-off runs, lost
 * devices and workers. The files are those that the document names.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The test files that docs/reliability.md names, by the runner that they are for.
 * @param {string} text
 */
export function faultTests(text) {
  const named = new Set([...text.matchAll(/`(tests\/[\w/.-]+\.test\.ts)`/g)].map(([, file]) => file));
  const browser = [...named].filter((file) => file.startsWith('tests/browser/'));
  const gpu = [...named].filter((file) => file.startsWith('tests/gpu/'));
  const unit = [...named].filter((file) => file.startsWith('tests/unit/'));
  return { unit, gpu, browser };
}

/** @param {string[]} args */
function run(...args) {
  return spawnSync(process.execPath, [join(ROOT, 'node_modules', args[0]), ...args.slice(1)], {
    cwd: ROOT,
    stdio: 'inherit',
  }).status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { unit, gpu, browser } = faultTests(readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8'));
  const statuses = [
    run('vitest/vitest.mjs', 'run', '--project=unit', ...unit),
    ...(gpu.length > 0 ? [run('vitest/vitest.mjs', 'run', '--project=gpu', ...gpu)] : []),
    run('@playwright/test/cli.js', 'test', ...browser),
  ];
  process.exit(statuses.every((status) => status === 0) ? 0 : 1);
}
