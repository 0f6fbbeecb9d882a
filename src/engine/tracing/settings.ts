/** What a causal trace is asked to restore, and how it corrupts the subject. */
import { z } from 'zod';
import { EngineError } from '../errors.ts';
import { numpyGaussian, seededGaussian, type Gaussian } from './noise.ts';

/** The state that is restored: the block's output, or what the MLP or attention adds, the latter two in a window of layers. */
export type TraceKind = 'hidden' | 'mlp' | 'attention';

/** Which outputs at the restored token stay at their corrupted values in the layers above it. */
export type Severed = 'none' | 'mlp' | 'attention';

/** A picture tokens × layers. */
export interface GridSpec {
  readonly kind: TraceKind;
  readonly severed: Severed;
}

export interface TraceSettings {
  kinds: TraceKind[];
  /** Also trace `hidden` with MLPs and with attention severed. */
  severed: boolean;
  /** Corrupted runs. */
  samples: number;
  /** Layers in the window of the kinds `mlp` and `attention`. */
  window: number;
  /** Standard deviation of the noise; null: three times that of the subjects' embeddings over the model's known facts. */
  noise: number | null;
  seed: number;
  /** 'numpy1' draws the noise as NumPy's RandomState(1) does, for parity with the reference. */
  generator: 'seeded' | 'numpy1';
}

/** The reference's (experiments/causal_trace.py); its window is that of GPT-2 XL, see {@link windowOf}. */
export const TRACE_DEFAULTS: Readonly<Omit<TraceSettings, 'window'>> = {
  kinds: ['hidden', 'mlp', 'attention'],
  severed: true,
  samples: 10,
  noise: null,
  seed: 1,
  generator: 'seeded',
};

/** The reference's window, and the layers of the model that it was chosen for. */
const REFERENCE_WINDOW = { layers: 10, of: 48 };
/** One layer's MLP or attention alone adds too little to be seen. */
const LEAST_WINDOW = 2;

/** The window where none is chosen: the share of the layers that the reference takes, 10 of 48. */
export function windowOf(layerCount: number): number {
  const { layers, of } = REFERENCE_WINDOW;
  return Math.max(LEAST_WINDOW, Math.round((layerCount * layers) / of));
}

export const traceSettingsSchema = z.object({
  kinds: z.array(z.enum(['hidden', 'mlp', 'attention'])).min(1),
  severed: z.boolean(),
  samples: z.number().int().min(1).max(1000),
  window: z.number().int().min(1),
  noise: z.number().positive().nullable(),
  seed: z.number().int().nonnegative(),
  generator: z.enum(['seeded', 'numpy1']),
});

/** @throws EngineError ('input') naming the setting at fault */
export function validateTraceSettings(settings: TraceSettings): TraceSettings {
  const parsed = traceSettingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new EngineError('input', `The trace's setting “${path.join('.')}” is not usable: ${message}`);
}

/** The grids that settings ask for: a kind each, then the severed ones. */
export function gridsOf({ kinds, severed }: Pick<TraceSettings, 'kinds' | 'severed'>): GridSpec[] {
  const plain = [...new Set(kinds)].map((kind): GridSpec => ({ kind, severed: 'none' }));
  if (!severed) return plain;
  return [...plain, { kind: 'hidden', severed: 'mlp' }, { kind: 'hidden', severed: 'attention' }];
}

/**
 * The layers whose outputs are restored around `layer`, end excluded: `window` of them, fewer at the model's ends
 * (reference: trace_important_window).
 */
export function windowAround(layer: number, window: number, layerCount: number): readonly [from: number, to: number] {
  return [Math.max(0, layer - Math.floor(window / 2)), Math.min(layerCount, layer + Math.ceil(window / 2))];
}

export function gaussianOf({ generator, seed }: TraceSettings): Gaussian {
  return generator === 'numpy1' ? numpyGaussian(1) : seededGaussian(seed);
}
