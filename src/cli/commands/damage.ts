/** `memit damage`: what patches did to everything else. */
import type { Command } from 'commander';
import { measureDamage } from '../../engine/session/damage.ts';
import { collectPaths, path, readPatch } from '../files.ts';
import { writeJson } from '../outputs.ts';
import { modelCommand, parseCount, parseSeed, withSession, type ModelOptions } from '../options.ts';
import { showCount } from '../progress.ts';

export function damageCommand(root: Command): void {
  modelCommand(root, 'damage', 'what patches did to everything else, one after the other')
    .requiredOption('--patch <file>', 'patch to measure, once per patch', collectPaths, [])
    .option(
      '--facts <n>',
      'about how many facts that were not edited are asked, a third at each distance',
      parseCount,
      300,
    )
    .option('--seed <n>', 'seed of the draw', parseSeed, 0)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path)
    .action(damage);
}

async function damage(
  options: ModelOptions & { patch: string[]; facts: number; seed: number; out: string },
): Promise<void> {
  const patches = await Promise.all(options.patch.map(readPatch));
  await withSession(options, {}, async (session) => {
    for (const patch of patches) await session.add(patch);
    const draw = { count: options.facts, seed: options.seed };
    const { sample, perplexityBefore, steps } = await measureDamage(session, draw, {}, (done, total) => {
      showCount('damage', done, total);
    });
    const { questions, sentences, population } = sample;
    await writeJson(options.out, {
      model: session.name,
      model_hash: session.hash,
      facts: questions.length,
      population,
      sentences: sentences.length,
      perplexity_before: perplexityBefore,
      patches: steps.map((step) => ({
        name: step.name,
        kept: step.damage.kept,
        kept_overall: step.damage.keptOverall,
        relations: step.damage.relations,
        perplexity: step.damage.perplexity,
        kl_divergence: step.damage.divergence,
      })),
    });
    const after = steps.length === 1 ? 'one patch' : `${steps.length} patches`;
    process.stderr.write(`Wrote ${options.out}: ${questions.length} facts asked after ${after}.\n`);
  });
}
