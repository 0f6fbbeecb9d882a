/**
 * `npm start`: builds the page when there is no build or the sources are newer, and serves it on this machine.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
const SOURCES = ['src', 'shaders', 'public', 'index.html', 'vite.config.ts', 'package-lock.json'];
const DEFAULT_PORT = 5173;

const USAGE = `Usage: npm start -- [--port N] [--host NAME] [--no-isolation]

  --port N         the port; default ${DEFAULT_PORT}, or the next free one
  --host NAME      the address to listen on; default localhost, 0.0.0.0 for the whole network
  --no-isolation   leave out the headers that WASM threads need, as a plain file host does`;

/**
 * Ends with one message: code 1 when something failed, 2 for bad arguments.
 * @param {string} message
 * @returns {never}
 */
function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}

function parseArguments() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string' },
        host: { type: 'string', default: 'localhost' },
        'no-isolation': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${USAGE}`, 2);
  }
}

function readOptions() {
  const values = parseArguments();
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    fail(`--port takes a whole number from 0 to 65535, not “${values.port}”.`, 2);
  }
  return { port, host: values.host, isolated: !values['no-isolation'] };
}

/**
 * The latest change below a path, in milliseconds; 0 where there is nothing.
 * @param {string} path
 * @returns {number}
 */
function newestChange(path) {
  if (!existsSync(path)) return 0;
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  // A folder's own time tells of files that were removed.
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

/** Why the page has to be built, or null when the build is current. */
function reasonToBuild() {
  const built = newestChange(join(DIST, 'index.html'));
  if (built === 0) return 'There is no build yet.';
  const changed = Math.max(...SOURCES.map((source) => newestChange(join(ROOT, source))));
  return changed > built ? 'The sources are newer than the build.' : null;
}

function build() {
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  const { status } = spawnSync(process.execPath, [vite, 'build'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) fail('The build failed; the messages above say where. Nothing is served.');
}

/**
 * @param {unknown} error what the server failed with
 * @param {{ host: string, port: number | undefined }} options
 */
function explain(error, { host, port }) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return port === undefined
      ? `The ports from ${DEFAULT_PORT} to ${DEFAULT_PORT + 20} are all taken. Choose another one with --port.`
      : `Port ${port} is taken. Choose another one, or leave --port out to take the next free one.`;
  }
  if (code === 'EACCES') return `This user may not listen on port ${port}. Choose one above 1023.`;
  if (code === 'ENOTFOUND' || code === 'EADDRNOTAVAIL') {
    return `“${host}” is not an address of this machine. Try --host localhost or --host 0.0.0.0.`;
  }
  return `The server could not start: ${error instanceof Error ? error.message : error}`;
}

const options = readOptions();
if (!existsSync(join(ROOT, 'node_modules', 'vite')) || !existsSync(join(ROOT, 'node_modules', 'sirv'))) {
  fail('The dependencies are not installed. Run “npm ci” first.');
}
const reason = reasonToBuild();
if (reason !== null) {
  console.log(`${reason} Building the page …`);
  build();
}

const { serveSite } = await import('./site.mjs');
try {
  const site = await serveSite({
    directory: DIST,
    host: options.host,
    port: options.port ?? DEFAULT_PORT,
    nextFree: options.port === undefined,
    isolated: options.isolated,
  });
  console.log(`MEMIT Playground is at ${site.address} (Ctrl+C stops it)`);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      void site.close().then(() => process.exit(0));
    });
  }
} catch (error) {
  fail(explain(error, options));
}
