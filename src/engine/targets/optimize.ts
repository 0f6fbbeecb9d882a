/**
 * The target hidden state z of every edit (Meng et al. 2023, section 4.3, equation 16; reference: memit/compute_z.py): a vector δ added to the
 * output of block Lz at the look-up token, optimised so that the model says the new object.
 */
import { largest } from '../extent.ts';
import { checkpoint, type Job } from '../job.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import { TargetBatch } from './batch.ts';
import type { KeptTargets } from './kept-targets.ts';
import type { StepLosses } from './losses.ts';
import type { EditPrompts } from './prompts.ts';
import type { EditTarget, TargetSettings } from './target.ts';

/** Bytes of activations one batch of edits may keep on the device. */
const BATCH_BYTES = 512 * 1024 * 1024;
/** More edits at once do not run faster on a CPU, and a step should not keep a cancel waiting; a GPU has room for more before it is busy. */
const BATCH_EDITS = { cpu: 16, gpu: 64 } as const;

/** How many edits are optimised at once, from what one of them keeps in memory. */
export function editsPerBatch(model: LanguageModel, prompts: readonly EditPrompts[], layer: number): number {
  const { hiddenSize, layerCount, vocabularySize, intermediateSize } = model.config;
  const layersAbove = layerCount - 1 - layer;
  const rows = prompts[0].contexts.length + 1;
  const longest = largest(
    prompts.flatMap((edit) => edit.contexts.map(({ ids }) => ids.length + edit.targetIds.length)),
  );
  const kept = layersAbove * rows * longest * hiddenSize * 3 + rows * longest * (intermediateSize * 4 + hiddenSize * 8);
  const targetTokens = largest(prompts.map((edit) => edit.targetIds.length));
  const logits = (rows * targetTokens + 3) * vocabularySize * 3;
  return Math.max(1, Math.min(BATCH_EDITS[model.runtime.device.kind], Math.floor(BATCH_BYTES / (4 * (kept + logits)))));
}

/**
 * Optimises z for every edit, in batches.
 * @param onStep called after each evaluation with the losses of the edits that were still running, and at first with all losses of those that were kept
 * @param kept targets found before, which are not searched again; those found now join them
 * @throws EngineError ('numeric') when a loss is not finite; CancelledError
 */
export async function optimizeTargets(
  model: LanguageModel,
  weights: WeightSet,
  prompts: readonly EditPrompts[],
  settings: TargetSettings,
  job: Job,
  onStep: (losses: readonly StepLosses[], finishedEdits: number) => void,
  kept: KeptTargets | null = null,
): Promise<EditTarget[]> {
  const targets = new Array<EditTarget>(prompts.length);
  let finished = 0;
  for (const [edit, { request }] of prompts.entries()) {
    const target = await kept?.find(request, edit);
    if (!target) continue;
    targets[edit] = target;
    finished += 1;
  }
  if (finished > 0)
    onStep(
      targets.flatMap(({ losses }) => losses),
      finished,
    );
  const left = prompts.flatMap((_, edit) => (targets.at(edit) === undefined ? [edit] : []));
  if (left.length === 0) return targets;
  // Edits with suffixes of similar length share a batch, so that little of it is padding.
  const order = left.sort((a, b) => suffixLength(prompts[b]) - suffixLength(prompts[a]) || a - b);
  const size = editsPerBatch(
    model,
    left.map((edit) => prompts[edit]),
    settings.layer,
  );
  for (let start = 0; start < order.length; start += size) {
    const edits = order.slice(start, start + size);
    const batch = new TargetBatch(model, weights, edits, prompts, settings);
    try {
      await batch.prepare(job);
      for (let step = 0; step < settings.steps && batch.active > 0; step += 1) {
        await checkpoint(job);
        const losses = await batch.step(step, step === settings.steps - 1);
        for (const [edit, target] of batch.targets) {
          if (targets.at(edit) !== undefined) continue;
          targets[edit] = target;
          await kept?.keep(prompts[edit].request, target);
        }
        onStep(losses, finished + edits.length - batch.active);
      }
    } finally {
      batch.dispose();
    }
    finished += edits.length;
  }
  return targets;
}

/** Tokens that are run at every step, of the edit's plain prompt; the contexts put theirs before the subject. */
function suffixLength({ contexts: [{ ids, lookupIndex }], targetIds }: EditPrompts): number {
  return ids.length - lookupIndex + targetIds.length;
}
