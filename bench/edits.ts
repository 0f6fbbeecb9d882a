/**
 * Seconds per edit for batches of several sizes, on the demo model: `npm run bench:edits [-- --edits 1,10,100 --backend wasm]`.
 * Counterfactual edits of facts the model knows, drawn with a fixed seed; the statistics that ship, so that only the run is timed.
 * With `--python PYTHON` (that has tests/reference/requirements.txt) the same edits are also run by tests/reference/memit_oracle.py, which
 * does the reference implementation's steps in PyTorch, and the ratio is printed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startNodeBackend, type BackendName } from '../src/cli/backend.ts';
import { folderSource } from '../src/cli/folder-source.ts';
import { seededRandom } from '../src/engine/random.ts';
import { runReportSchema } from '../src/engine/methods/report.ts';
import { memitSettingsSchema, type MemitSettings } from '../src/engine/methods/memit/settings.ts';
import type { EditRequest } from '../src/engine/tokens/request.ts';
import { comparePatch } from '../src/engine/session/asking.ts';
import { runEdit } from '../src/engine/session/editing.ts';
import { openSession } from '../src/engine/session/open.ts';
import { type ModelSession } from '../src/engine/session/session.ts';

const { values } = parseArgs({
  options: {
    edits: { type: 'string', default: '1,10,100' },
    backend: { type: 'string', default: 'wasm' },
    model: { type: 'string', default: 'public/models/demo' },
    python: { type: 'string' },
  },
});

/** Known facts with another object of the same relation, every subject once. */
function drawEdits(bench: ModelSession, count: number): EditRequest[] {
  const random = seededRandom(1);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)];
  const relations = bench.facts?.relations ?? [];
  const edits = new Map<string, EditRequest>();
  while (edits.size < count) {
    const relation = pick(relations);
    const fact = pick(relation.facts.filter(({ known }) => known));
    const targetNew = pick(relation.facts).object;
    if (targetNew === fact.object || edits.has(fact.subject)) continue;
    edits.set(fact.subject, {
      prompt: relation.templates[0],
      subject: fact.subject,
      targetNew,
      targetTrue: fact.object,
      relationId: relation.id,
    });
  }
  return [...edits.values()];
}

/** Seconds the PyTorch program needs for the same edits, contexts and settings, its start and statistics not counted. */
function referenceSeconds(
  python: string,
  requests: readonly EditRequest[],
  contexts: readonly string[],
  settings: MemitSettings,
): number {
  const folder = mkdtempSync(join(tmpdir(), 'bench-edits-'));
  try {
    const records = requests.map(({ prompt, subject, targetNew }) => ({
      prompt,
      subject,
      target_new: { str: targetNew },
    }));
    writeFileSync(join(folder, 'requests.json'), JSON.stringify(records));
    writeFileSync(join(folder, 'contexts.json'), JSON.stringify(contexts));
    const options = {
      model: values.model,
      requests: join(folder, 'requests.json'),
      contexts: join(folder, 'contexts.json'),
      'compute-stats': join(values.model, 'statistics.txt'),
      layers: settings.layers.join(),
      steps: settings.steps,
      lr: settings.learningRate,
      decay: settings.weightDecay,
      clamp: settings.clampNormFactor,
      kl: settings.klFactor,
      lambda: settings.covarianceWeight,
      out: join(folder, 'out.json'),
    };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const { stderr } = spawnSync(python, ['tests/reference/memit_oracle.py', ...words], { encoding: 'utf8' });
    const seconds = /targets ([\d.]+) s, spread ([\d.]+) s/.exec(stderr);
    if (!seconds) throw new Error(`The PyTorch program failed:\n${stderr}`);
    return Number(seconds[1]) + Number(seconds[2]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const backend = await startNodeBackend(values.backend as BackendName);
const bench = await openSession(folderSource(values.model), backend);
const settings = memitSettingsSchema.parse(bench.preset('memit').settings);
const contexts = await bench.contexts(settings.seed);
await runEdit(bench, drawEdits(bench, 1), settings);

console.log(`${bench.name} on ${backend.name}; layers ${settings.layers.join(', ')}, ${settings.steps} steps`);
console.log(
  `edits  seconds  per edit  targets  spread  took${values.python === undefined ? '' : '     PyTorch  ratio'}`,
);
for (const count of values.edits.split(',').map(Number)) {
  const edits = drawEdits(bench, count);
  const patch = await runEdit(bench, edits, settings);
  const { seconds } = runReportSchema.parse(patch.report);
  const total = seconds.targets + seconds.spread;
  bench.stack.push(patch);
  const { efficacy } = await comparePatch(bench, patch.id);
  bench.stack.remove(patch.id);
  const cells = [total, total / count, seconds.targets, seconds.spread].map((value) => value.toFixed(2).padStart(8));
  const took = `${efficacy.passed}/${efficacy.total}`.padEnd(7);
  const peer = values.python === undefined ? null : referenceSeconds(values.python, edits, contexts, settings);
  const compared = peer === null ? '' : `  ${peer.toFixed(2).padStart(7)}  ${(peer / total).toFixed(2)}`;
  console.log(`${String(count).padStart(5)} ${cells.join(' ')}  ${took}${compared}`);
}
await bench.dispose();
await backend.dispose();
process.exit(0);
