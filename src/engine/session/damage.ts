/** What the enabled patches did to everything else, one after the other. */
import { EngineError } from '../errors.ts';
import { DamageMeter, drawDamageSample, type Damage, type DamageSample } from '../evaluation/damage.ts';
import type { Job } from '../job.ts';
import { applyPatches } from '../patches/apply.ts';
import type { ModelSession } from './session.ts';

export interface DamageAlongStack {
  readonly sample: DamageSample;
  readonly perplexityBefore: number | null;
  /** With the first patch, with the first two, … */
  readonly steps: readonly { readonly name: string; readonly damage: Damage }[];
}

/**
 * Damage along the enabled patches. `count` facts that the model knows are asked, and held-out sentences: of the model's folder, else those
 * that ship.
 * @throws EngineError ('input') when no patch is enabled, or there is nothing to ask; DownloadError, CancelledError
 */
export async function measureDamage(
  { model, tokenizer, knowledge, stack }: ModelSession,
  { count, seed }: { count: number; seed: number },
  job: Job = {},
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<DamageAlongStack> {
  const entries = stack.entries.filter(({ enabled }) => enabled);
  if (entries.length === 0) {
    throw new EngineError('input', 'No patch is switched on: the model is as it came.', { next: 'Run an edit first.' });
  }
  const sentences = await knowledge.sentences(job.signal);
  const requests = entries.flatMap(({ patch }) => patch.requests);
  const facts = await knowledge.known(job, (_, done, total) => {
    onProgress(done, total);
  });
  const sample = drawDamageSample(facts, requests, sentences, count, seed);
  if (sample.questions.length + sentences.length === 0) {
    throw new EngineError(
      'input',
      'There is nothing to measure damage by: this model has neither facts.json nor held-out.txt.',
    );
  }
  const total = entries.length + 1;
  onProgress(0, total);
  const meter = await DamageMeter.open(model, tokenizer, model.weights, sample, job);
  const steps: { name: string; damage: Damage }[] = [];
  for (const [i, { name }] of entries.entries()) {
    onProgress(i + 1, total);
    const weights = await applyPatches(
      model,
      entries.slice(0, i + 1).map(({ patch }) => patch),
    );
    try {
      steps.push({ name, damage: await meter.measure(weights, job) });
    } finally {
      weights.dispose();
    }
  }
  onProgress(total, total);
  return { sample, perplexityBefore: meter.perplexityBefore, steps };
}
