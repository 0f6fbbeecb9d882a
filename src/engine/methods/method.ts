/**
 * What an editing method is to the rest of the program: its settings with their labels and bounds (of which the page's form and
 * the command line's options are made), its presets, what must be ready before it runs, and the run itself, which leaves deltas.
 */
import type { z } from 'zod';
import { EngineError } from '../errors.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Job } from '../job.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { WeightSet } from '../model/weight-set.ts';
import type { MethodSettings } from '../patches/patch.ts';
import type { WeightDelta } from '../patches/weight-delta.ts';
import type { LayerStatistics } from '../statistics/covariances.ts';
import type { KeptTargets } from '../targets/kept-targets.ts';
import type { StepLosses } from '../targets/losses.ts';
import type { TargetSettings } from '../targets/target.ts';
import type { LocatedSubject } from '../tokens/lookup.ts';
import type { EditRequest } from '../tokens/request.ts';
import type { ModelTokenizer } from '../tokens/tokenizer.ts';
import type { EditResidual, LayerOutcome } from './report.ts';

/** A stretch of a run with a progress of its own. */
export interface MethodPhase {
  readonly id: string;
  readonly label: string;
  /** What it is for, as the rest of a sentence. */
  readonly purpose: string;
}

/** What the session makes ready before a run; what a method needs besides, it gets from the context. */
export interface MethodNeeds {
  /** Layers whose second moments of the keys must be there. */
  readonly secondMoments: readonly number[];
  /** Seed of the context templates that the model writes; null where the method uses none. */
  readonly contextSeed: number | null;
}

export interface MethodContext {
  readonly model: LanguageModel;
  readonly tokenizer: ModelTokenizer;
  /** The weights the edit is made on: the base, or the base with the enabled patches. Never written to. */
  readonly weights: WeightSet;
  /** Context templates, "{}" first; only that where the method asks for none. */
  readonly contexts: readonly string[];
  /** Of the layers it asked for. */
  readonly statistics: LayerStatistics;
  /** Targets that a search of this name with these settings found before; absent where none are kept. */
  readonly keptTargets?: (search: string, settings: TargetSettings) => Promise<KeptTargets>;
}

export type MethodEvent =
  | {
      readonly kind: 'phase';
      readonly phase: string;
      readonly done: number;
      readonly total: number;
      readonly detail: string;
    }
  | { readonly kind: 'losses'; readonly losses: readonly StepLosses[] }
  /** Something that the user is to know of the run, in a sentence. */
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'layer'; readonly outcome: LayerOutcome };

export interface MethodResult {
  readonly deltas: WeightDelta[];
  readonly losses: StepLosses[];
  readonly layers: LayerOutcome[];
  /** Of a method that goes to target states. */
  readonly residuals?: EditResidual[];
  /** By phase. */
  readonly seconds: Readonly<Record<string, number>>;
}

export interface EditingMethod<Settings extends MethodSettings = MethodSettings> {
  readonly id: string;
  readonly label: string;
  /** What it does, in a sentence, with its source. */
  readonly summary: string;
  /** Titles, descriptions and bounds of the settings, in the order of the form. */
  readonly settings: z.ZodObject & z.ZodType<Settings>;
  /** Its own, in order; those of {@link MethodNeeds} come before. */
  readonly phases: readonly MethodPhase[];
  /** Published values for a model of this shape, or a guess, and a sentence that says which. */
  preset(config: ModelConfig): { readonly settings: Settings; readonly note: string };
  /** What the schema cannot say about the settings: whether they fit the model. @throws EngineError ('input') */
  check(settings: Settings, config: ModelConfig): void;
  needs(settings: Settings): MethodNeeds;
  /** Why an edit, of which this is the prompt, cannot take with these settings, in a sentence; null where it may. */
  objection?(prompt: LocatedSubject, settings: Settings, config: ModelConfig): string | null;
  /** @throws RequestError, EngineError ('input' | 'numeric'), NotPositiveDefiniteError, CancelledError */
  run(
    context: MethodContext,
    requests: readonly EditRequest[],
    settings: Settings,
    job: Job,
    onEvent: (event: MethodEvent) => void,
  ): Promise<MethodResult>;
}

/**
 * Checks settings against the method's bounds and the model.
 * @throws EngineError ('input') naming the setting at fault
 */
export function validateSettings<Settings extends MethodSettings>(
  method: EditingMethod<Settings>,
  settings: unknown,
  config: ModelConfig,
): Settings {
  const parsed = (method.settings as z.ZodType<Settings>).safeParse(settings);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new EngineError('input', `The setting “${path.join('.')}” is not usable: ${message}`);
  }
  method.check(parsed.data, config);
  return parsed.data;
}
