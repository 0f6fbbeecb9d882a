/** `memit lens`: what the model would say if it ended after each layer. */
import type { Command } from 'commander';
import { z } from 'zod';
import type { LensGrid } from '../../engine/lens/lens.ts';
import { compareLens } from '../../engine/session/lens.ts';
import { collectPaths, path, readForm, readPatch } from '../files.ts';
import { writeJson } from '../outputs.ts';
import { modelCommand, withSession, type ModelOptions } from '../options.ts';
import { showCount } from '../progress.ts';

const promptsSchema = z
  .array(
    z.union([
      z.string().transform((prompt) => ({ prompt, old: undefined, new: undefined })),
      z.object({ prompt: z.string(), old: z.string().optional(), new: z.string().optional() }),
    ]),
  )
  .min(1);

export function lensCommand(root: Command): void {
  modelCommand(root, 'lens', 'logit lens: the most probable tokens after every layer, without patches and with them')
    .requiredOption(
      '--prompts <file>',
      'JSON list of prompts, or of { prompt, old, new } with answers whose ranks are wanted',
      path,
    )
    .option('--patch <file>', 'patch in force, once per patch', collectPaths, [])
    .requiredOption('--out <file>', 'where the result goes, as JSON', path)
    .action(lens);
}

async function lens(options: ModelOptions & { prompts: string; patch: string[]; out: string }): Promise<void> {
  const questions = await readForm(promptsSchema, options.prompts);
  const patches = await Promise.all(options.patch.map(readPatch));
  await withSession(options, {}, async (session) => {
    for (const patch of patches) await session.add(patch);
    const textOf = (id: number): string => session.tokenizer.tokenText(id);
    const prompts = [];
    for (const { prompt, old, new: changed } of questions) {
      showCount('lens', prompts.length, questions.length);
      const question = { prompt, ...(old !== undefined && { old }), ...(changed !== undefined && { new: changed }) };
      const { ids, followed, before, after } = await compareLens(session, question);
      prompts.push({
        prompt,
        input_ids: ids,
        input_tokens: ids.map(textOf),
        followed: followed.map(({ role, id }) => ({ role, id, token: textOf(id) })),
        before: cellsOf(before, textOf),
        ...(after && { after: cellsOf(after, textOf) }),
      });
    }
    showCount('lens', questions.length, questions.length);
    await writeJson(options.out, {
      model: session.name,
      model_hash: session.hash,
      patches: patches.map(({ name }) => name),
      prompts,
    });
    process.stderr.write(`Wrote ${options.out}.\n`);
  });
}

/** By token, then by layer. */
function cellsOf(grid: LensGrid, textOf: (id: number) => string): object[][] {
  return grid.map((cells) =>
    cells.map(({ top, asked }) => ({
      top: top.map(({ id, logProbability }) => ({ token: textOf(id), id, logprob: logProbability })),
      followed: asked.map(({ logProbability, rank }) => ({ logprob: logProbability, rank })),
    })),
  );
}
