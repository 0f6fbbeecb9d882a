/** `memit reach`: what a patch adds to its layers' outputs, and how alike the keys of its edits are. */
import type { Command } from 'commander';
import { measureReach, type Spread } from '../../engine/session/reach.ts';
import { path, readPatch } from '../files.ts';
import { writeJson } from '../outputs.ts';
import { modelCommand, withSession, type ModelOptions } from '../options.ts';
import { showCount } from '../progress.ts';

export function reachCommand(root: Command): void {
  modelCommand(
    root,
    'reach',
    '‖ΔW k‖/‖W k‖ over keys of edits, neighbours and ordinary text, and how alike the edits’ keys are',
  )
    .requiredOption('--patch <file>', 'patch to measure', path)
    .requiredOption('--out <file>', 'where the result goes, as JSON', path)
    .action(reach);
}

async function reach(options: ModelOptions & { patch: string; out: string }): Promise<void> {
  const patch = await readPatch(options.patch);
  await withSession(options, {}, async (session) => {
    await session.add(patch);
    const { layers, edits } = await measureReach(session, patch.id, {}, (done, total) =>
      showCount('reach', done, total),
    );
    const spread = (of: Spread | null): object | null =>
      of && { q25: of.low, median: of.median, q75: of.high, max: of.most, keys: of.count };
    await writeJson(options.out, {
      model: session.name,
      model_hash: session.hash,
      patch: patch.name,
      edits,
      layers: layers.map(({ layer, edits: own, neighbours, text, likeness, singularValues, norm }) => ({
        layer,
        edits: spread(own),
        neighbours: spread(neighbours),
        text: spread(text),
        key_cosines: likeness,
        update_norm: norm,
        singular_values: singularValues,
      })),
    });
    process.stderr.write(`Wrote ${options.out}.\n`);
  });
}
