/**
 * Seconds of a causal trace of a prompt of 12 tokens, on the demo model: `npm run bench:trace [-- --backend wasm]`.
 * Counts what the plain method would compute, a pass over all tokens and layers for every restored state, beside what is computed. With
 * `--python PYTHON` (that has tests/reference/requirements.txt) the same prompt is also traced by tests/reference/trace_oracle.py, which
 * does so in PyTorch, and the ratio is printed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startNodeBackend, type BackendName } from '../src/cli/backend.ts';
import { folderSource } from '../src/cli/folder-source.ts';
import { TRACE_DEFAULTS, type TraceSettings } from '../src/engine/tracing/settings.ts';
import type { TraceRequest } from '../src/engine/tracing/tracer.ts';
import { openSession } from '../src/engine/session/open.ts';
import { type ModelSession } from '../src/engine/session/session.ts';

const TOKENS = 12;
const RUNS = 3;

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    model: { type: 'string', default: 'public/models/demo' },
    python: { type: 'string' },
  },
});

/** The first known fact whose prompt has so many tokens. */
function factOf({ facts, tracer }: ModelSession, tokens: number): TraceRequest {
  for (const { templates, facts: list } of facts?.relations ?? []) {
    for (const { subject, known } of list) {
      const request = { prompt: templates[0], subject };
      if (known && tracer.locate(request).ids.length === tokens) return request;
    }
  }
  throw new Error(`No known fact's prompt has ${tokens} tokens.`);
}

/** Seconds the PyTorch program needs, its start not counted: of the hidden states, and of everything. */
function referenceSeconds(python: string, request: TraceRequest): { hidden: number; all: number } {
  const folder = mkdtempSync(join(tmpdir(), 'bench-trace-'));
  try {
    writeFileSync(join(folder, 'facts.json'), JSON.stringify([request]));
    const files = ['--model', values.model, '--facts', join(folder, 'facts.json'), '--out', join(folder, 'out.json')];
    const { stderr } = spawnSync(python, ['tests/reference/trace_oracle.py', ...files], { encoding: 'utf8' });
    const seconds = /hidden ([\d.]+) s, all ([\d.]+) s/.exec(stderr);
    if (!seconds) throw new Error(`The PyTorch program failed:\n${stderr}`);
    return { hidden: Number(seconds[1]), all: Number(seconds[2]) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const backend = await startNodeBackend(values.backend as BackendName);
const bench = await openSession(folderSource(values.model), backend);
const request = factOf(bench, TOKENS);
/** The reference's, which the PyTorch program takes. */
const WINDOW = 10;
const cases: { name: 'hidden' | 'all'; settings: TraceSettings }[] = [
  { name: 'hidden', settings: { ...TRACE_DEFAULTS, window: WINDOW, kinds: ['hidden'], severed: false } },
  { name: 'all', settings: { ...TRACE_DEFAULTS, window: WINDOW } },
];
const peer = values.python === undefined ? null : referenceSeconds(values.python, request);

console.log(`${bench.name} on ${backend.name}: ${TOKENS} tokens, ${bench.model.config.layerCount} layers, 10 samples`);
console.log(`kinds    seconds  plain / computed${peer ? '   PyTorch  ratio' : ''}`);
for (const { name, settings } of cases) {
  const seconds: number[] = [];
  let saved = 0;
  for (let run = 0; run <= RUNS; run += 1) {
    const start = performance.now();
    const { cost } = await bench.tracer.trace(request, settings, bench.model.weights, {});
    // The first run makes the sessions.
    if (run > 0) seconds.push((performance.now() - start) / 1000);
    saved = cost.plain / cost.computed;
  }
  const median = seconds.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)];
  const cells = [name.padEnd(8), median.toFixed(2).padStart(7), saved.toFixed(1).padStart(17)];
  if (peer) cells.push(peer[name].toFixed(2).padStart(9), (peer[name] / median).toFixed(2).padStart(6));
  console.log(cells.join(' '));
}
await bench.dispose();
await backend.dispose();
process.exit(0);
