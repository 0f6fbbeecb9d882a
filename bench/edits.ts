/**
 * Seconds per edit for batches of several sizes, on the demo model: `npm run bench:edits [-- --edits 1,10,100 --backend wasm]`.
 * Counterfactual edits of facts the model knows, drawn with a fixed seed; the statistics that ship, so that only the run is timed.
 */
import { parseArgs } from 'node:util';
import { startNodeBackend, type BackendName } from '../src/cli/backend.ts';
import { folderFiles } from '../src/cli/node-files.ts';
import { seededRandom } from '../src/engine/editing/random.ts';
import { runReportSchema } from '../src/engine/editing/report.ts';
import type { EditRequest } from '../src/engine/tokens/request.ts';
import { Workbench } from '../src/engine/workbench.ts';

const { values } = parseArgs({
  options: {
    edits: { type: 'string', default: '1,10,100' },
    backend: { type: 'string', default: 'wasm' },
    model: { type: 'string', default: 'public/models/demo' },
  },
});

/** Known facts with another object of the same relation, every subject once. */
function drawEdits(bench: Workbench, count: number): EditRequest[] {
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

const backend = await startNodeBackend(values.backend as BackendName);
const bench = await Workbench.open(folderFiles(values.model), backend);
const { settings } = bench.preset;
await bench.contexts(settings.seed);
await bench.edit(drawEdits(bench, 1), settings);

console.log(`${bench.name} on ${backend.name}; layers ${settings.layers.join(', ')}, ${settings.steps} steps`);
console.log('edits  seconds  per edit  targets  spread  took');
for (const count of values.edits.split(',').map(Number)) {
  const patch = await bench.edit(drawEdits(bench, count), settings);
  const { seconds } = runReportSchema.parse(patch.report);
  const total = seconds.targets + seconds.spread;
  bench.stack.push(patch);
  const { efficacy } = await bench.compare(patch.id);
  bench.stack.remove(patch.id);
  const cells = [total, total / count, seconds.targets, seconds.spread].map((value) => value.toFixed(2).padStart(8));
  console.log(`${String(count).padStart(5)} ${cells.join(' ')}  ${efficacy.passed}/${efficacy.total}`);
}
process.exit(0);
