/**
 * What the page may load, run and ask (Content-Security-Policy). It stands in the built index.html, for hosts whose headers nobody sets, and in the headers of
 * `npm start`. The development server injects scripts of its own and goes without.
 */

/** @type {Record<string, string>} */
const DIRECTIVES = {
  'default-src': "'self'",
  // No eval and no inline script: WebAssembly alone is compiled at run time.
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self'",
  // The dialogs' library holds the page still behind them by a style element of its own.
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data: blob:",
  // Of a model hub that the user names, which is asked when the user says so.
  'connect-src': "'self' blob: https: http://localhost:* http://127.0.0.1:*",
  'object-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'none'",
};

export const CONTENT_POLICY = Object.entries(DIRECTIVES)
  .map(([directive, sources]) => `${directive} ${sources}`)
  .join('; ');

/** As a header, which alone can say who may frame the page. */
export const CONTENT_POLICY_HEADER = `${CONTENT_POLICY}; frame-ancestors 'self'`;

/**
 * Puts the policy into the built page, before anything that it is about.
 * @returns {import('vite').Plugin}
 */
export function contentPolicy() {
  return {
    name: 'content-policy',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: CONTENT_POLICY },
          injectTo: 'head-prepend',
        },
      ],
    },
  };
}
