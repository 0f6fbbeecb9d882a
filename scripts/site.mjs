/**
 * A static file server for the built page: the headers that WASM threads need, what the page may load and ask, MIME types, byte ranges, 404 for what is
 * not there. `isolated: false` serves as a plain file host would, without threads.
 */
import { realpathSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, sep } from 'node:path';
import sirv from 'sirv';
import { CONTENT_POLICY_HEADER } from './content-policy.mjs';

/** What makes a page cross-origin isolated, so that SharedArrayBuffer and with it WASM threads are there. */
export const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * File types that the MIME table of the server does not know.
 * @type {Record<string, string | undefined>}
 */
const EXTRA_TYPES = {
  safetensors: 'application/octet-stream',
  onnx: 'application/octet-stream',
  wgsl: 'text/wgsl;charset=utf-8',
};

/**
 * Whether an address has sound percent escapes and names a path without NUL.
 * @param {string} url
 */
function isReadable(url) {
  try {
    return !decodeURIComponent(url.split('?')[0]).includes('\0');
  } catch {
    return false;
  }
}

/** What the server looks for behind an address. */
const FORMS = ['', '.html', '.htm', '/index.html', '/index.htm'];

/**
 * Whether an address leads out of the folder by a symbolic link.
 * @param {string} directory
 * @param {string} url with sound percent escapes
 */
function leadsOut(directory, url) {
  const root = realpathSync(directory);
  const path = join(root, decodeURIComponent(url.split('?')[0]));
  return FORMS.some((form) => {
    try {
      const real = realpathSync(path + form);
      return real !== root && !real.startsWith(root + sep);
    } catch {
      // What is not there is answered with 404 anyway.
      return false;
    }
  });
}

/**
 * @param {string} directory
 * @param {{ isolated?: boolean }} [options]
 * @returns {import('node:http').RequestListener}
 */
function createHandler(directory, { isolated = true } = {}) {
  const files = sirv(directory, {
    // Look at the disk on every request: the page may be rebuilt while it is served.
    dev: true,
    etag: true,
    setHeaders(response, path) {
      const type = EXTRA_TYPES[path.slice(path.lastIndexOf('.') + 1)];
      if (type !== undefined) response.setHeader('Content-Type', type);
      response.setHeader('Accept-Ranges', 'bytes');
    },
  });
  return (request, response) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Content-Security-Policy', CONTENT_POLICY_HEADER);
    if (isolated) {
      for (const [name, value] of Object.entries(ISOLATION_HEADERS)) response.setHeader(name, value);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    if (!isReadable(request.url ?? '')) {
      response.writeHead(400, { 'Content-Type': 'text/plain;charset=utf-8' });
      response.end(request.method === 'HEAD' ? undefined : 'Bad request\n');
      return;
    }
    const missing = () => {
      response.writeHead(404, { 'Content-Type': 'text/plain;charset=utf-8' });
      response.end(request.method === 'HEAD' ? undefined : 'Not found\n');
    };
    if (leadsOut(directory, request.url ?? '/')) missing();
    else files(request, response, missing);
  };
}

/**
 * @param {import('node:http').Server} server
 * @param {number} port
 * @param {string} host
 * @returns {Promise<number>} the port it listens on; rejects with the system's error (`EADDRINUSE`, `EACCES`, …)
 */
function listen(server, port, host) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
    });
  });
}

/**
 * Serves a folder.
 * @param {{ directory: string, host: string, port: number, nextFree?: boolean, isolated?: boolean }} options
 *   `nextFree` tries the next twenty ports when the port is taken; port 0 takes any.
 * @returns {Promise<{ address: string, port: number, close: () => Promise<void> }>}
 */
export async function serveSite({ directory, host, port, nextFree = false, isolated = true }) {
  const handler = createHandler(directory, { isolated });
  const last = nextFree ? Math.min(port + 20, 65535) : port;
  for (let candidate = port; ; candidate++) {
    const server = createServer(handler);
    try {
      const actual = await listen(server, candidate, host);
      const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
      return {
        address: `http://${name}:${actual}/`,
        port: actual,
        close: () =>
          new Promise((resolve) => {
            server.close(() => {
              resolve();
            });
            server.closeAllConnections();
          }),
      };
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!taken || candidate >= last) throw error;
    }
  }
}
