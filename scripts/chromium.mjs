/**
 * Finds the Chromium that runs the browser tests, and installs one where there is none. Its folder also holds the
 * software Vulkan driver that the GPU tests use where there is no GPU.
 *
 * Run by itself, it prints the path.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const SYSTEM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Whether the file is a browser that starts: a bare download may lack its libraries, a distribution's may be a stub.
 * @param {string} path
 */
function starts(path) {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 60_000 });
  return status === 0 && /chrom/i.test(stdout);
}

function inPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return SYSTEM_NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).filter(isExecutable);
}

/**
 * The path of a Chromium on this machine, or null: `CHROMIUM_PATH`, the system's, or Playwright's download.
 * @returns {string | null}
 * @throws Error where `CHROMIUM_PATH` names something that does not start
 */
export function findChromium() {
  const chosen = process.env.CHROMIUM_PATH;
  if (chosen !== undefined && chosen !== '') {
    if (isExecutable(chosen) && starts(chosen)) return chosen;
    throw new Error(`CHROMIUM_PATH is “${chosen}”, which is not a Chromium that starts.`);
  }
  const downloaded = chromium.executablePath();
  const candidates = [...inPath(), ...(isExecutable(downloaded) ? [downloaded] : [])];
  return candidates.find(starts) ?? null;
}

/**
 * Runs a command in the open.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env] added to this process's
 * @returns {boolean} whether it succeeded
 */
function run(command, args, env = {}) {
  console.log(`$ ${command} ${args.join(' ')}`);
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  return result.status === 0;
}

/**
 * The path of a Chromium; installs one where there is none and says what it does.
 * @returns {string}
 * @throws Error where every way failed
 */
export function ensureChromium() {
  const found = findChromium();
  if (found !== null) return found;

  const isRoot = process.getuid?.() === 0;
  const playwright = join(dirname(createRequire(import.meta.url).resolve('@playwright/test/package.json')), 'cli.js');
  console.log('There is no Chromium on this machine. Installing the one Playwright offers …');
  run(process.execPath, [playwright, 'install', 'chromium']);
  let installed = findChromium();
  if (installed !== null) return installed;

  if (isRoot && process.platform === 'linux') {
    console.log('That gave no Chromium that starts. Installing the system’s package …');
    const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
    if (run('apt-get', ['update'], quiet)) {
      run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], quiet);
    }
    installed = findChromium();
    if (installed !== null) return installed;
  }
  throw new Error(
    'No Chromium could be installed. Install one, or set CHROMIUM_PATH to the one to use, and run the tests again.',
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(ensureChromium());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
