/** `memit predict`: the most probable next tokens after prompts. */
import type { Command } from 'commander';
import { z } from 'zod';
import { predict } from '../../engine/session/asking.ts';
import { path, readForm } from '../files.ts';
import { writeJson } from '../outputs.ts';
import { modelCommand, withSession, type ModelOptions } from '../options.ts';

const promptsSchema = z.array(
  z.union([z.string(), z.object({ prompt: z.string() }).transform(({ prompt }) => prompt)]),
);

export function predictCommand(root: Command): void {
  modelCommand(root, 'predict', 'write the most probable next tokens of prompts')
    .requiredOption('--prompts <file>', 'JSON list of prompts', path)
    .requiredOption('--out <file>', 'where the answers go', path)
    .action(predictPrompts);
}

async function predictPrompts(options: ModelOptions & { prompts: string; out: string }): Promise<void> {
  const prompts = await readForm(promptsSchema, options.prompts);
  await withSession(options, {}, async (session) => {
    const tops = await predict(session, prompts);
    const answers = prompts.map((prompt, i) => ({
      prompt,
      top: tops[i].map(({ id, logProbability }) => ({
        token: session.tokenizer.tokenText(id),
        id,
        logprob: logProbability,
      })),
    }));
    await writeJson(options.out, answers);
  });
}
