/**
 * Seconds to ask records and to let the model write texts about them: `npm run bench:evaluation [-- --records 50 --texts 10 --backend wasm]`.
 * Records are the first of the model's benchmark.json; asked a second time with two words more to each object, so that the objects differ in
 * several tokens after a common prompt. With `--python PYTHON` (that has tests/reference/requirements.txt) PyTorch does the same as the
 * reference does it (tools/evaluation-peer), and the ratio is printed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startNodeBackend, type BackendName } from '../src/cli/backend.ts';
import { folderSource } from '../src/cli/folder-source.ts';
import { generateTexts } from '../src/engine/evaluation/generation.ts';
import { importRecords } from '../src/engine/evaluation/import.ts';
import { evaluateRecords, type RecordLosses } from '../src/engine/evaluation/record-losses.ts';
import { type EvaluationRecord, PROMPT_GROUPS } from '../src/engine/evaluation/records.ts';
import { openSession } from '../src/engine/session/open.ts';
import { type ModelSession } from '../src/engine/session/session.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '50' },
    texts: { type: 'string', default: '10' },
    backend: { type: 'string', default: 'wasm' },
    model: { type: 'string', default: 'public/models/demo' },
    python: { type: 'string' },
  },
});

interface Timing {
  readonly asked: number;
  readonly written: number;
  /** Over all prompts and both objects: that the contestants do the same. */
  readonly meanLoss: number;
}

/** Objects of several tokens. */
function lengthened(record: EvaluationRecord): EvaluationRecord {
  const { requested_rewrite: rewrite } = record;
  const longer = (object: { str: string } | undefined): { str: string } => ({ str: `${object?.str ?? ''} and others` });
  return {
    ...record,
    requested_rewrite: { ...rewrite, target_new: longer(rewrite.target_new), target_true: longer(rewrite.target_true) },
  };
}

function meanLoss(losses: readonly RecordLosses[]): number {
  const all = losses.flatMap((record) =>
    PROMPT_GROUPS.flatMap((group) =>
      record[group].flatMap(({ targetNew, targetTrue }) => [targetNew ?? NaN, targetTrue ?? NaN]),
    ),
  );
  return all.reduce((sum, loss) => sum + loss, 0) / all.length;
}

async function own(bench: ModelSession, records: readonly EvaluationRecord[], texts: number): Promise<Timing> {
  const { model, tokenizer } = bench;
  const started = performance.now();
  const losses = await evaluateRecords(model, tokenizer, model.weights, records);
  const asked = performance.now();
  await generateTexts(model, tokenizer, model.weights, records.slice(0, texts), { seed: 0 });
  const written = performance.now();
  return { asked: (asked - started) / 1000, written: (written - asked) / 1000, meanLoss: meanLoss(losses) };
}

function peer(python: string, records: readonly EvaluationRecord[], texts: number): Timing {
  const folder = mkdtempSync(join(tmpdir(), 'bench-evaluation-'));
  try {
    const file = join(folder, 'records.json');
    writeFileSync(file, JSON.stringify(records));
    const options = ['--model', values.model, '--records', file, '--texts', String(texts)];
    const threads = ['--threads', String(Math.min(availableParallelism(), 8))];
    const program = 'tools/evaluation-peer/torch_evaluation.py';
    const { stdout, stderr } = spawnSync(python, [program, ...options, ...threads], { encoding: 'utf8' });
    const [line] = stdout.trim().split('\n').slice(-1);
    if (!line.startsWith('{')) throw new Error(`The PyTorch program failed:\n${stderr}`);
    const timing = JSON.parse(line) as { asked: number; written: number; mean_loss: number };
    return { asked: timing.asked, written: timing.written, meanLoss: timing.mean_loss };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const backend = await startNodeBackend(values.backend as BackendName);
const bench = await openSession(folderSource(values.model), backend);
const content = readFileSync(join(values.model, 'benchmark.json'), 'utf8');
const records = importRecords(content).records.slice(0, Number(values.records));
const texts = Number(values.texts);
// Sessions are made in a first run.
await own(bench, records.slice(0, 2).map(lengthened), 1);

console.log(`${bench.name} on ${backend.name}; ${records.length} records, texts of ${texts}`);
console.log(`${'part'.padEnd(34)} seconds${values.python === undefined ? '' : '  PyTorch  ratio'}`);
const cases = [
  { name: 'asked, objects of one token', records, texts },
  { name: 'asked, objects of several tokens', records: records.map(lengthened), texts: 0 },
];
for (const { name, records: given, texts: count } of cases) {
  const ours = await own(bench, given, count);
  const theirs = values.python === undefined ? null : peer(values.python, given, count);
  if (theirs && Math.abs(theirs.meanLoss - ours.meanLoss) > 1e-3) {
    throw new Error(`The losses are not the same: ${ours.meanLoss} and ${theirs.meanLoss}.`);
  }
  const line = (part: string, key: 'asked' | 'written'): void => {
    const compared = theirs
      ? `  ${theirs[key].toFixed(2).padStart(7)}  ${(theirs[key] / ours[key]).toFixed(2).padStart(5)}`
      : '';
    console.log(`${part.padEnd(34)} ${ours[key].toFixed(2).padStart(7)}${compared}`);
  };
  line(name, 'asked');
  if (count > 0) line('texts written', 'written');
}
await bench.dispose();
await backend.dispose();
process.exit(0);
