/** What a browser without a GPU is told, by its name. */
import { expect, it } from 'vitest';
import { webgpuAdvice } from '../../../src/app/header/webgpu-advice.ts';

const CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

it.each([
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME}`, /chrome:\/\/gpu/, /Linux/],
  [`Mozilla/5.0 (X11; Linux x86_64) ${CHROME}`, /On Linux.*chrome:\/\/flags/, /edge/],
  [`Mozilla/5.0 (Linux; Android 14) ${CHROME}`, /chrome:\/\/gpu/, /On Linux/],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Edg/140.0.0.0`, /edge:\/\/gpu/, /chrome:\/\//],
  ['Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0', /Bring Firefox up to date/, /about:config/],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', /about:config/, /Bring Firefox/],
  [
    'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
    /version 26/,
    /Chrome/,
  ],
  ['something else', /A current Chrome/, /flags/],
])('%s', (userAgent, said, unsaid) => {
  expect(webgpuAdvice(userAgent)).toMatch(said);
  expect(webgpuAdvice(userAgent)).not.toMatch(unsaid);
});
