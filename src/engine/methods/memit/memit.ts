/** A MEMIT run from requests to a patch: contexts, targets z, statistics, and the spread over the layers. */
import type { LanguageModel } from '../../model/language-model.ts';
import { EditedWeights, type WeightSet } from '../../model/weight-set.ts';
import type { EditRequest } from '../../tokens/request.ts';
import { validateRequest } from '../../tokens/request.ts';
import type { ModelTokenizer } from '../../tokens/tokenizer.ts';
import { EngineError } from '../../errors.ts';
import type { Job } from '../../job.ts';
import type { LayerUpdate } from '../../patches/patch.ts';
import { buildEditPrompts } from '../../targets/prompts.ts';
import { validateSettings, type MemitSettings } from './settings.ts';
import type { LayerOutcome, StepLosses } from '../report.ts';
import { spreadUpdates, type LayerStatistics } from './spread.ts';
import { optimizeTargets, type EditTarget } from '../../targets/targets.ts';

export interface MemitInputs extends LayerStatistics {
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  /** The weights the edit is made on: the base, or the base with the enabled patches. */
  readonly weights: WeightSet;
  readonly requests: readonly EditRequest[];
  /** Context templates, "{}" first. */
  readonly contexts: readonly string[];
  readonly settings: MemitSettings;
}

export interface MemitProgress {
  onTargets?: (losses: readonly StepLosses[], finishedEdits: number) => void;
  onLayer?: (outcome: LayerOutcome) => void;
}

export interface MemitResult {
  readonly updates: LayerUpdate[];
  readonly targets: EditTarget[];
  readonly outcomes: LayerOutcome[];
  readonly seconds: { readonly targets: number; readonly spread: number };
}

/**
 * Refuses an empty list and every request that cannot be edited; {@link runMemit} does so before anything else.
 * @throws EngineError ('input'), RequestError
 */
export function validateRequests(
  requests: readonly EditRequest[],
  tokenizer: ModelTokenizer,
  contextLength: number,
): void {
  if (requests.length === 0) throw new EngineError('input', 'There is no edit to make.', { next: 'Add an edit.' });
  for (const request of requests) validateRequest(request, tokenizer, contextLength);
}

/**
 * Runs MEMIT. The weights given are never written to: the result is the layers' factors R and A.
 * @throws RequestError, EngineError ('input' | 'numeric'), NotPositiveDefiniteError, CancelledError
 */
export async function runMemit(inputs: MemitInputs, job: Job = {}, progress: MemitProgress = {}): Promise<MemitResult> {
  const { model, tokenizer, requests, contexts, weights } = inputs;
  const settings = validateSettings(inputs.settings, model.config.layerCount);
  validateRequests(requests, tokenizer, model.config.contextLength);
  const prompts = requests.map((request) => buildEditPrompts(request, contexts, tokenizer, model.config.contextLength));

  const started = performance.now();
  const targets = await optimizeTargets(model, weights, prompts, settings, job, (losses, finished) => {
    progress.onTargets?.(losses, finished);
  });
  const optimized = performance.now();
  const edited = new EditedWeights(weights);
  try {
    const { updates, outcomes } = await spreadUpdates(
      model,
      edited,
      prompts,
      targets.map(({ z }) => z),
      inputs,
      settings,
      job,
      (outcome) => progress.onLayer?.(outcome),
    );
    return {
      updates,
      targets,
      outcomes,
      seconds: { targets: (optimized - started) / 1000, spread: (performance.now() - optimized) / 1000 },
    };
  } finally {
    edited.dispose();
  }
}
