/** `memit sweep`: the same records edited with one setting varied, or more and more of them, and measured each time. */
import type { Command } from 'commander';
import { EngineError } from '../../engine/errors.ts';
import { largest } from '../../engine/extent.ts';
import { methodOf } from '../../engine/methods/registry.ts';
import { settingFields } from '../../engine/methods/setting-fields.ts';
import { runSweep, type SweepAxis, type SweepStage } from '../../engine/session/sweep.ts';
import { path } from '../files.ts';
import { addMethodOptions, settingsOf, type GivenOptions } from '../method-options.ts';
import {
  addRunOptions,
  decimalNumber,
  modelCommand,
  parseCount,
  parseLayers,
  parseSeed,
  runOptionsOf,
  statisticsFilesOf,
  withSession,
  type ModelOptions,
  type RunOptions,
} from '../options.ts';
import { writeJson } from '../outputs.ts';
import { showCount, showNote } from '../progress.ts';
import { drawnRecords } from '../records.ts';

/** One seed draws the records, the facts and the contexts. */
const OWN_SETTINGS = ['seed'];
/** What the number of edits is called among the settings. */
const EDITS = 'edits';

export function sweepCommand(root: Command): void {
  const command = modelCommand(root, 'sweep', 'edit the same records with one setting varied, and measure each time')
    .requiredOption('--vary <setting>', `a setting of the method, such as covariance-weight or layers, or ${EDITS}`)
    .requiredOption(
      '--values <list>',
      'with spaces between: "50 200 800"; of layers "1,2,3 2,3,4"; of edits "1 10 100"',
    )
    .option(
      '--records <file>',
      'records of CounterFact’s form; when absent the model’s benchmark.json, else known ones of CounterFact',
      path,
    )
    .option('--edits <n>', 'how many records are drawn; as many as the largest value when edits are varied', parseCount)
    .option('--facts <n>', 'about how many facts that were not edited are asked for damage', parseCount, 120)
    .option('--no-damage', 'leave damage out')
    .option('--seed <n>', 'seed of every draw', parseSeed, 0)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path);
  addMethodOptions(addRunOptions(command), OWN_SETTINGS).action(sweep);
}

interface SweepOptions extends ModelOptions, RunOptions {
  readonly vary: string;
  readonly values: string;
  readonly records?: string;
  readonly edits?: number;
  readonly facts: number;
  readonly damage: boolean;
  readonly seed: number;
  readonly out: string;
  readonly method: string;
}

/** @throws EngineError ('input') for values that are no numbers */
function axisOf({ vary, values, method }: SweepOptions): SweepAxis {
  const parts = values.split(/[\s;]+/).filter((part) => part !== '');
  // covariance-weight and covarianceWeight are the same.
  const name = vary.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const field = settingFields(methodOf(method).settings).find((each) => each.name === name);
  if (field?.kind === 'layers') return { kind: 'setting', name, values: parts.map(parseLayers) };
  const numbers = parts.map((part) => {
    const value = decimalNumber(part);
    if (value === null) throw new EngineError('input', `--values: “${part}” is no number.`);
    return value;
  });
  return name === EDITS ? { kind: 'edits', values: numbers } : { kind: 'setting', name, values: numbers };
}

async function sweep(options: SweepOptions & GivenOptions): Promise<void> {
  const axis = axisOf(options);
  const run = await runOptionsOf(options);
  const given = await statisticsFilesOf(options.statistics);
  const { method, seed, damage, facts } = options;
  const most = axis.kind === 'edits' ? largest([1, ...axis.values]) : 10;
  const edits = options.edits ?? most;
  await withSession(options, given, async (session) => {
    const records = await drawnRecords(session, { ...options, edits });
    const edit = { method, settings: settingsOf(session, method, options, OWN_SETTINGS), options: run };
    const plan = { records, axis, edit, damageFacts: damage ? facts : 0, seed };
    const result = await runSweep(
      session,
      plan,
      {},
      {
        onProgress: (stage, done, total) => showCount(nameOf(stage, axis), done, total),
        onPoint: ({ points }) => {
          const { value, metrics } = points[points.length - 1];
          const score = metrics.score === null ? '–' : (100 * metrics.score.mean).toFixed(1);
          showNote(`${options.vary} ${String(value)}: S ${score}`);
        },
      },
    );
    await writeJson(options.out, { model: session.name, model_hash: session.hash, seed, ...result });
    process.stderr.write(`Wrote ${options.out}: ${result.points.length} points of ${options.vary}.\n`);
  });
}

function nameOf(stage: SweepStage, axis: SweepAxis): string {
  if (stage.point === null) return stage.kind === 'damage' ? 'damage' : 'before';
  const at = `${axis.kind === 'edits' ? EDITS : axis.name} ${String(axis.values[stage.point])}`;
  return `${at}: ${stage.kind === 'edit' ? stage.phase : stage.kind === 'ask' ? 'after' : 'damage'}`;
}
