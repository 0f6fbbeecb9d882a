/**
 * Our WGSL kernels beside those of onnxruntime-web, jax-js and TensorFlow.js, on the same adapter:
 * `npm run bench:kernels [-- --browser --sizes small|full --tune --json FILE --python PYTHON]`.
 *
 * Runs in Node on Dawn, or with `--browser` in the machine's Chromium. Contestants are timed in turn, median of ten. On a software adapter
 * the sizes are small and only prove that everything runs and agrees. With `--python PYTHON` (that has PyTorch) the cases are also
 * run by tools/kernel-peers/torch_kernels.py: cuBLAS and cuSOLVER in float32 without TF32 on an NVIDIA card, else the CPU's libraries.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { importWebGpuOrt, readShader } from '../src/cli/backend.ts';
import { createDawnDevice } from '../src/cli/dawn.ts';
import { CASES, nameOf } from './kernels/cases.ts';
import { benchKernels, type KernelBench, type KernelBenchOptions } from './kernels/run.ts';

const { values } = parseArgs({
  options: {
    browser: { type: 'boolean', default: false },
    sizes: { type: 'string' },
    tune: { type: 'boolean' },
    json: { type: 'string' },
    python: { type: 'string' },
  },
});
if (values.sizes !== undefined && !(values.sizes in CASES)) {
  throw new Error(`--sizes is ${Object.keys(CASES).join(' or ')}, not “${values.sizes}”.`);
}
const options: KernelBenchOptions = { sizes: values.sizes as keyof typeof CASES | undefined, tune: values.tune };

async function inNode(): Promise<KernelBench> {
  const gpu = await createDawnDevice();
  // jax-js asks it which browser this is.
  Object.defineProperty(navigator, 'userAgent', { value: 'Node.js', configurable: true });
  return benchKernels(gpu, await importWebGpuOrt(), readShader, options, (line) => console.log(line));
}

async function inChromium(): Promise<KernelBench> {
  // What only a browser needs is loaded for one: in Node the kernels can be measured where neither is installed.
  const { createServer } = await import('vite');
  const { chromium } = await import('@playwright/test');
  const { findChromium } = await import('../scripts/chromium.mjs');
  const { CHROMIUM_FLAGS } = await import('../tests/browser/fixtures/chromium.ts');
  const server = await createServer({ logLevel: 'error', server: { port: 5192 } });
  await server.listen();
  const browser = await chromium.launch({ executablePath: findChromium() ?? undefined, args: [...CHROMIUM_FLAGS] });
  try {
    const page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'log') console.log(message.text());
    });
    await page.goto(`${server.resolvedUrls?.local[0]}bench/kernels/page.html`);
    await page.waitForFunction(() => window.benchInPage !== undefined, undefined, { timeout: 120_000 });
    return await page.evaluate((chosen) => window.benchInPage!(chosen), options);
  } finally {
    await browser.close();
    await server.close();
  }
}

/** The same cases through PyTorch, printed beside ours. */
function inPyTorch(python: string, { results }: KernelBench): void {
  const all = Object.values(CASES).flat();
  const { stdout, stderr, status } = spawnSync(python, ['tools/kernel-peers/torch_kernels.py'], {
    encoding: 'utf8',
    input: JSON.stringify(results.map((result) => all.find((work) => nameOf(work) === result.case))),
  });
  if (status !== 0) throw new Error(`The PyTorch program failed:\n${stderr}`);
  const { device, milliseconds } = JSON.parse(stdout) as { device: string; milliseconds: (number | null)[] };
  console.log(`\nPyTorch on ${device}`);
  results.forEach(({ case: name, milliseconds: times }, i) => {
    const theirs = milliseconds[i];
    if (theirs === null || !('ours' in times)) return;
    console.log(
      `${name.padEnd(52)} ${theirs.toFixed(3)} ms, ours ${times.ours.toFixed(3)} ms, ours / PyTorch ${(theirs / times.ours).toFixed(2)}`,
    );
  });
}

const bench = values.browser ? await inChromium() : await inNode();
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(bench, null, 2)}\n`);
if (values.python !== undefined) inPyTorch(values.python, bench);
process.exit(0);
