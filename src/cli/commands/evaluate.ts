/** `memit evaluate`: metrics of records, with patches or without. */
import type { Command } from 'commander';
import { runBenchmark } from '../../engine/session/benchmark.ts';
import { collectPaths, path, readPatch } from '../files.ts';
import { withSession } from '../options.ts';
import {
  evaluationCommand,
  generationOf,
  readRecords,
  showLeftOut,
  showStage,
  writeEvaluation,
  type EvaluationOptions,
} from '../records.ts';

export function evaluateCommand(root: Command): void {
  evaluationCommand(root, 'evaluate', 'the metrics of CounterFact or zsRE on records, with patches or without')
    .requiredOption('--records <file>', 'CounterFact, zsRE or EasyEdit JSON, JSON lines, CSV or TSV', path)
    .option('--patch <file>', 'patch to evaluate, once per patch', collectPaths, [])
    .action(evaluate);
}

async function evaluate(options: EvaluationOptions & { records: string; patch: string[] }): Promise<void> {
  const patches = await Promise.all(options.patch.map(readPatch));
  const generation = await generationOf(options);
  await withSession(options, {}, async (session) => {
    const records = await readRecords(options.records, session);
    for (const patch of patches) await session.add(patch);
    const { evaluation } = await runBenchmark(
      session,
      { records, edit: null, generation },
      {},
      {
        onProgress: showStage,
        onFitted: showLeftOut,
      },
    );
    await writeEvaluation(options, evaluation);
    process.stderr.write(`Wrote ${options.out}: ${evaluation.records.length} records.\n`);
  });
}
