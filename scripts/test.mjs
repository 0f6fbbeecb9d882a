/**
 * `npm test`: every check of the project, the small ones side by side and the tests one after the other, and one line at the end that sums them up:
 * `N passed, N failed` (with `, N skipped` where tests were skipped). A failed check does not stop the later ones.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './chromium.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const RESULTS = join(ROOT, 'test-results');
const ONE_PASSED = { passed: 1, failed: 0, skipped: 0 };
const ONE_FAILED = { passed: 0, failed: 1, skipped: 0 };

/** @param {string} title */
function heading(title) {
  console.log(`\n── ${title} ${'─'.repeat(Math.max(4, 76 - title.length))}`);
}

/**
 * Runs a tool of the project's dependencies, its output going to ours.
 * @param {string} file the tool's script below node_modules
 * @param {string[]} args
 * @returns {number} the exit status; 1 where the tool did not end by itself
 */
function runTool(file, args) {
  const { status, signal, error } = spawnSync(process.execPath, [join(ROOT, 'node_modules', file), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error !== undefined) console.error(error.message);
  if (signal !== null) console.error(`Ended by ${signal}.`);
  return status ?? 1;
}

/**
 * A check that passes or fails as a whole, beside others of its kind: each keeps a core busy. What it says is printed when it has ended.
 * @param {string} title
 * @param {string} file
 * @param {string[]} args
 * @returns {Promise<Counts>}
 */
async function check(title, file, args) {
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', file), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  /** @type {string[]} */
  const said = [];
  child.stdout.setEncoding('utf8').on('data', (text) => said.push(text));
  child.stderr.setEncoding('utf8').on('data', (text) => said.push(text));
  child.on('error', (error) => said.push(error.message));
  const status = await new Promise((resolve) => child.on('close', resolve));
  heading(title);
  process.stdout.write(said.join(''));
  return status === 0 ? ONE_PASSED : ONE_FAILED;
}

/**
 * A runner's report, or null where it wrote none that can be read.
 * @param {string} path
 * @returns {any}
 */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Adds what a runner's own counts leave out: it crashed, it failed outside of any test, or it ran nothing at all.
 * @param {Counts | null} counts
 * @param {number} status the runner's exit status
 * @returns {Counts}
 */
function complete(counts, status) {
  if (counts === null) {
    console.error('The runner left no report: it crashed.');
    return ONE_FAILED;
  }
  if (counts.failed === 0 && status !== 0) {
    console.error(`The runner ended with status ${status} though no test failed.`);
    return { ...counts, failed: 1 };
  }
  if (counts.passed + counts.failed === 0) {
    console.error('The runner ran no test.');
    return { ...counts, failed: 1 };
  }
  return counts;
}

/**
 * @param {string} project
 * @returns {Counts}
 */
function vitest(project) {
  const path = join(RESULTS, `${project}.json`);
  const status = runTool('vitest/vitest.mjs', [
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${path}`,
  ]);
  const report = readReport(path);
  if (report === null) return complete(null, status);
  // A file that fails before its first test has no failed test to show for it.
  const brokenFiles = report.testResults.filter(
    (/** @type {any} */ file) =>
      file.status === 'failed' && !file.assertionResults.some((/** @type {any} */ test) => test.status === 'failed'),
  ).length;
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  return complete(counts, status);
}

/** @returns {Counts} */
function playwright() {
  const status = runTool('@playwright/test/cli.js', ['test']);
  const report = readReport(join(RESULTS, 'browser.json'));
  if (report === null) return complete(null, status);
  const { expected, unexpected, flaky, skipped } = report.stats;
  return complete({ passed: expected, failed: unexpected + flaky, skipped }, status);
}

rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS, { recursive: true });

heading('Chromium');
/** @type {string | null} */
let chromium = null;
try {
  chromium = ensureChromium();
  // The browser's folder also holds the software Vulkan driver that the GPU tests look for.
  process.env.CHROMIUM_PATH = chromium;
  console.log(`Using ${chromium}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
}

/**
 * @param {() => Counts} run
 * @returns {Counts}
 */
function withChromium(run) {
  if (chromium !== null) return run();
  console.error('Not run: there is no Chromium.');
  return ONE_FAILED;
}

// What an earlier build left must not be tested in place of this one.
rmSync(join(ROOT, 'dist'), { recursive: true, force: true });

/** @type {[title: string, file: string, args: string[]][]} */
const CHECKS = [
  ['lint', 'eslint/bin/eslint.js', ['.', '--max-warnings=0']],
  ['types', 'typescript/bin/tsc', ['--noEmit']],
  ['format', 'prettier/bin/prettier.cjs', ['--check', '.']],
  ['build', 'vite/bin/vite.js', ['build']],
];

/** @type {[title: string, run: () => Counts][]} */
const TESTS = [
  ['unit', () => vitest('unit')],
  ['gpu', () => vitest('gpu')],
  ['chromium', () => withChromium(() => vitest('chromium'))],
  [
    'browser',
    () =>
      withChromium(() => {
        if (existsSync(join(ROOT, 'dist', 'index.html'))) return playwright();
        console.error('Not run: there is no build.');
        return ONE_FAILED;
      }),
  ],
];

const total = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const lines = [];

/**
 * @param {string} title
 * @param {number} start
 * @param {Counts} counts
 */
function count(title, start, counts) {
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  lines.push(
    `${title.padEnd(8)} ${String(counts.passed).padStart(4)} passed ${String(counts.failed).padStart(3)} failed ` +
      `${String(counts.skipped).padStart(3)} skipped ${seconds.padStart(5)} s`,
  );
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

const began = performance.now();
await Promise.all(CHECKS.map(async ([title, ...tool]) => count(title, began, await check(title, ...tool))));
for (const [title, run] of TESTS) {
  heading(title);
  const start = performance.now();
  count(title, start, run());
}

heading('summary');
console.log(lines.join('\n'));
if (!process.env.MEMIT_REAL_MODEL) {
  console.log(
    'Not run: the tests of a real model (MEMIT_REAL_MODEL=DIR npm test, DIR a folder of SmolLM2-135M-Instruct).',
  );
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 ? 1 : 0;
