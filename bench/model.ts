/**
 * What working with a model costs, beside PyTorch: `npm run bench:model -- --model DIR [--edits 1,10,100 --backend wasm --python PYTHON]`.
 * Opening it, its statistics (ten tokens a row of C), a causal trace of hidden states, edits of CounterFact's records; the peak of memory. With
 * `--python PYTHON` (that has tests/reference/requirements.txt) tools/model-peer does the same on the same rows, and the ratios are printed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startNodeBackend, type BackendName } from '../src/cli/backend.ts';
import { folderSource } from '../src/cli/folder-source.ts';
import { referenceData } from '../src/cli/reference-data.ts';
import { memitSettingsSchema, type MemitSettings } from '../src/engine/methods/memit/settings.ts';
import { runReportSchema } from '../src/engine/methods/report.ts';
import { comparePatch } from '../src/engine/session/asking.ts';
import { runEdit } from '../src/engine/session/editing.ts';
import { openSession } from '../src/engine/session/open.ts';
import { enoughTokens, takeDocuments } from '../src/engine/statistics/second-moment.ts';
import { eachDocument } from '../src/engine/statistics/text-statistics.ts';
import { buildEditPrompts } from '../src/engine/targets/prompts.ts';
import type { EditRequest } from '../src/engine/tokens/request.ts';
import { TRACE_DEFAULTS, windowOf } from '../src/engine/tracing/settings.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'public/models/demo' },
    edits: { type: 'string', default: '1,10,100' },
    backend: { type: 'string', default: 'wasm' },
    python: { type: 'string' },
  },
});
const counts = values.edits.split(',').map(Number);
/** The fact that is traced. */
const TRACED = { prompt: '{} is located in the city of', subject: 'The Eiffel Tower' };

/** What the PyTorch program is given. */
interface Work {
  readonly settings: MemitSettings;
  readonly documents: readonly (readonly number[])[];
  readonly trace: {
    readonly ids: readonly number[];
    /** Tokens of the subject, the end excluded. */
    readonly subject: readonly [number, number];
    readonly answer: number;
    readonly noise: number;
    readonly samples: number;
  };
  readonly edits: readonly unknown[];
  readonly counts: readonly number[];
}

interface Seconds {
  readonly open: number;
  readonly statistics: number;
  readonly trace: number;
  readonly edits: Readonly<Record<string, number>>;
  readonly peakMiB: number;
}

async function timed<T>(run: () => Promise<T>): Promise<[result: T, seconds: number]> {
  const start = performance.now();
  const result = await run();
  return [result, (performance.now() - start) / 1000];
}

/** Records of CounterFact, every subject once. */
async function drawEdits(count: number): Promise<EditRequest[]> {
  const edits = new Map<string, EditRequest>();
  for (const { prompt, subject, targetNew, targetTrue } of await referenceData().records()) {
    if (edits.size === count) break;
    edits.set(subject, { prompt, subject, targetNew, targetTrue });
  }
  return [...edits.values()];
}

function pythonSeconds(python: string, work: Work): Seconds {
  const folder = mkdtempSync(join(tmpdir(), 'bench-model-'));
  try {
    const path = join(folder, 'work.json');
    writeFileSync(path, JSON.stringify(work));
    const words = ['--model', values.model, '--work', path, '--threads', String(availableParallelism())];
    const { stdout, stderr } = spawnSync(python, ['tools/model-peer/torch_model.py', ...words], { encoding: 'utf8' });
    if (stdout === '') throw new Error(`The PyTorch program failed:\n${stderr}`);
    return JSON.parse(stdout) as Seconds;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const text = await referenceData().statisticsText();
const backend = await startNodeBackend(values.backend as BackendName);
const [session, open] = await timed(() =>
  openSession(folderSource(values.model), backend, { ignoreShipped: true, data: referenceData() }),
);
const { model, tokenizer, tracer } = session;
const { contextLength, intermediateSize } = model.config;
const settings = memitSettingsSchema.parse(session.preset('memit').settings);

const [, statistics] = await timed(() =>
  session.covariances.prepare(settings.layers, { tokens: enoughTokens(intermediateSize) }),
);
const located = tracer.locate(TRACED);
const [traced, trace] = await timed(() =>
  tracer.trace(
    TRACED,
    { ...TRACE_DEFAULTS, window: windowOf(model.config.layerCount), kinds: ['hidden'], severed: false },
    model.weights,
    {},
  ),
);
const contexts = await session.contexts(settings.seed);
const requests = await drawEdits(Math.max(...counts));
const edits: Record<string, number> = {};
const took: Record<string, string> = {};
for (const count of counts) {
  const patch = await runEdit(session, requests.slice(0, count), settings, { contexts });
  const { seconds } = runReportSchema.parse(patch.report);
  edits[count] = seconds.targets + seconds.spread;
  session.stack.push(patch);
  const { efficacy } = await comparePatch(session, patch.id);
  took[count] = `${efficacy.passed} of ${efficacy.total}`;
  session.stack.remove(patch.id);
}
const own: Seconds = { open, statistics, trace, edits, peakMiB: process.resourceUsage().maxRSS / 1024 };

const peer =
  values.python === undefined
    ? null
    : pythonSeconds(values.python, {
        settings,
        // Those that the engine takes its statistics over.
        documents: takeDocuments(eachDocument(text, tokenizer), contextLength, enoughTokens(intermediateSize)).rows,
        trace: {
          ids: located.ids,
          subject: located.subject,
          answer: traced.answer,
          noise: traced.noise,
          samples: TRACE_DEFAULTS.samples,
        },
        edits: requests.map((request) => {
          const prompts = buildEditPrompts(request, contexts, tokenizer, contextLength);
          const row = ({ ids, lookupIndex }: { ids: readonly number[]; lookupIndex: number }): unknown => ({
            ids,
            lookup: lookupIndex,
          });
          return { contexts: prompts.contexts.map(row), kl: row(prompts.klPrompt), target: prompts.targetIds };
        }),
        counts,
      });

console.log(`${session.name} on ${backend.name}; layers ${settings.layers.join(', ')}, ${settings.steps} steps`);
console.log(`                          here${peer ? '   PyTorch  ratio' : ''}`);
const line = (name: string, of: (seconds: Seconds) => number, unit: string, more = ''): void => {
  const compared = peer ? `  ${of(peer).toFixed(1).padStart(8)}  ${(of(peer) / of(own)).toFixed(2).padStart(5)}` : '';
  console.log(`${name.padEnd(20)} ${of(own).toFixed(1).padStart(8)} ${unit}${compared}${more}`);
};
line('open', (seconds) => seconds.open, 's  ');
line('statistics', (seconds) => seconds.statistics, 's  ');
line('trace, hidden states', (seconds) => seconds.trace, 's  ');
for (const count of counts) {
  line(`${count} ${count === 1 ? 'edit' : 'edits'}`, (seconds) => seconds.edits[count], 's  ', `  took ${took[count]}`);
}
line('peak of memory', (seconds) => seconds.peakMiB, 'MiB');
await session.dispose();
await backend.dispose();
process.exit(0);
