/** `memit facts`: which of the facts that ship a model knows. */
import type { Command } from 'commander';
import type { ModelSession } from '../../engine/session/session.ts';
import { path } from '../files.ts';
import { writeJson } from '../outputs.ts';
import { modelCommand, parseCount, withSession, type ModelOptions } from '../options.ts';
import { showCount } from '../progress.ts';

interface FactsOptions extends ModelOptions {
  /** False: none. */
  readonly records?: number | false;
  readonly out?: string;
}

export function factsCommand(root: Command): void {
  modelCommand(root, 'facts', 'ask the model for facts that ship, and keep which of them it knows')
    .option('--records <n>', 'records of CounterFact, drawn by chance; all of them when absent', parseCount)
    .option('--no-records', 'only the prompts of known_1000')
    .option('--out <file>', 'also writes the facts that it knows, as JSON', path)
    .action(facts);
}

async function facts(options: FactsOptions): Promise<void> {
  const { records, out } = options;
  const wanted = records === false ? 0 : (records ?? Infinity);
  await withSession(options, {}, async (session) => {
    const { knowledge } = session;
    await knowledge.find(wanted, {}, (asking, done, total) => {
      showCount(asking, done, total);
    });
    const counts = await knowledge.counts();
    if (!counts) return;
    const { prompts, records: asked } = counts;
    if (out !== undefined) await writeJson(out, await resultOf(session));
    process.stdout.write(
      `known_1000: ${prompts.known} of ${prompts.asked} prompts answered with their object.\n` +
        `CounterFact: of ${asked.asked} records ${asked.preferred} with P(true) > P(new), ` +
        `${asked.top} answered with their true object.\n`,
    );
  });
}

/** In the words of the datasets. */
async function resultOf({ name, hash, knowledge }: ModelSession): Promise<unknown> {
  const counts = await knowledge.counts();
  const { prompts, records } = await knowledge.found();
  return {
    model: name,
    model_hash: hash,
    known_1000: {
      asked: counts?.prompts.asked,
      known: prompts.map(({ id, relationId, prompt, subject, object }) => ({
        known_id: id,
        relation_id: relationId,
        prompt,
        subject,
        attribute: object,
      })),
    },
    counterfact: {
      asked: counts?.records.asked,
      top: counts?.records.top,
      preferred: records.map(({ id }) => id),
    },
  };
}
