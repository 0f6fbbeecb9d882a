/** `memit benchmark`: records are drawn, edited in one run, and evaluated before and after. */
import type { Command } from 'commander';
import { runReportSchema } from '../../engine/methods/report.ts';
import { runBenchmark } from '../../engine/session/benchmark.ts';
import { path } from '../files.ts';
import { addMethodOptions, settingsOf, type GivenOptions } from '../method-options.ts';
import {
  addRunOptions,
  parseCount,
  runOptionsOf,
  statisticsFilesOf,
  withSession,
  type RunOptions,
} from '../options.ts';
import { showKeptTargets } from '../progress.ts';
import {
  drawnRecords,
  evaluationCommand,
  generationOf,
  showLeftOut,
  showStage,
  writeEvaluation,
  type EvaluationOptions,
} from '../records.ts';

/** One seed draws the records and the contexts. */
const OWN_SETTINGS = ['seed'];

export function benchmarkCommand(root: Command): void {
  const command = evaluationCommand(
    root,
    'benchmark',
    'draw records, edit them in one run, and evaluate before and after',
  )
    .option(
      '--records <file>',
      'the same; when absent the model’s benchmark.json, else known ones of CounterFact',
      path,
    )
    .option('--edits <n>', 'how many records', parseCount, 10);
  addMethodOptions(addRunOptions(command), OWN_SETTINGS).action(benchmark);
}

interface BenchmarkOptions extends EvaluationOptions, RunOptions {
  readonly records?: string;
  readonly edits: number;
  readonly method: string;
}

async function benchmark(options: BenchmarkOptions & GivenOptions): Promise<void> {
  const generation = await generationOf(options);
  const run = await runOptionsOf(options);
  const given = await statisticsFilesOf(options.statistics);
  await withSession(options, given, async (session) => {
    const { method } = options;
    const records = await drawnRecords(session, options);
    const edit = {
      method,
      settings: settingsOf(session, method, options, OWN_SETTINGS),
      unedited: false,
      options: run,
    };
    const { patch, evaluation } = await runBenchmark(
      session,
      { records, edit, generation },
      {},
      {
        onProgress: showStage,
        onFitted: showLeftOut,
      },
    );
    if (patch) showKeptTargets(runReportSchema.parse(patch.report), patch.requests.length);
    await writeEvaluation(options, evaluation, { method, settings: patch?.settings, contexts: patch?.contexts });
    process.stderr.write(`Wrote ${options.out}: ${evaluation.records.length} edits.\n`);
  });
}
