/** `memit benchmark`: records are drawn, edited in one run, and evaluated before and after. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { drawRecords } from '../../engine/evaluation/benchmark.ts';
import { runBenchmark } from '../../engine/session/benchmark.ts';
import { path } from '../files.ts';
import { addMethodOptions, settingsOf, type GivenOptions } from '../method-options.ts';
import { parseCount, withSession } from '../options.ts';
import {
  evaluationCommand,
  generationOf,
  readRecords,
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
    .option('--records <file>', 'the same; benchmark.json of the model when absent', path)
    .option('--edits <n>', 'how many records', parseCount, 10);
  addMethodOptions(command, OWN_SETTINGS).action(benchmark);
}

async function benchmark(
  options: EvaluationOptions & { records?: string; edits: number; method: string } & GivenOptions,
): Promise<void> {
  const generation = await generationOf(options);
  await withSession(options, {}, async (session) => {
    const { method, seed } = options;
    const all = await readRecords(options.records ?? join(options.model, 'benchmark.json'), session);
    const records = drawRecords(all, options.edits, seed);
    const edit = { method, settings: settingsOf(session, method, options, OWN_SETTINGS), unedited: false };
    const { patch, evaluation } = await runBenchmark(
      session,
      { records, edit, generation },
      {},
      {
        onProgress: showStage,
        onFitted: showLeftOut,
      },
    );
    await writeEvaluation(options, evaluation, { method, settings: patch?.settings, contexts: patch?.contexts });
    process.stderr.write(`Wrote ${options.out}: ${evaluation.records.length} edits.\n`);
  });
}
