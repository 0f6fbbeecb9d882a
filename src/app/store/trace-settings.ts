/** The settings of a trace as they are typed, parsed and judged in words. Pure. */
import type { TraceKind, TraceSettings } from '../../worker/trace-api.ts';
import { parseNumber, type NumberRule } from './settings.ts';

/** In the order they are shown. */
export const TRACE_KINDS: readonly TraceKind[] = ['hidden', 'mlp', 'attention'];

export interface TraceSettingsText {
  kinds: TraceKind[];
  severed: boolean;
  samples: string;
  window: string;
  /** Empty: chosen by the model. */
  noise: string;
  seed: string;
}

export type TraceNumber = 'samples' | 'window' | 'noise' | 'seed';

/** The paper's; the window changes with the depth of the model that is opened. */
export const TRACE_DEFAULTS: TraceSettingsText = {
  kinds: [...TRACE_KINDS],
  severed: true,
  samples: '10',
  window: '10',
  noise: '',
  seed: '1',
};

const rules: Record<TraceNumber, NumberRule> = {
  samples: { kind: 'integer', min: 1, above: false, max: 1000 },
  window: { kind: 'integer', min: 1, above: false, max: 1000 },
  noise: { kind: 'number', min: 0, above: true, max: Infinity },
  seed: { kind: 'integer', min: 0, above: false, max: Number.MAX_SAFE_INTEGER },
};

/** An interval needs two facts. */
const countRule: NumberRule = { kind: 'integer', min: 2, above: false, max: 100_000 };

export interface ParsedTraceSettings {
  /** Null while a field has a fault. */
  settings: TraceSettings | null;
  faults: Partial<Record<TraceNumber | 'kinds', string>>;
}

export function parseTraceSettings(text: TraceSettingsText): ParsedTraceSettings {
  const faults: ParsedTraceSettings['faults'] = {};
  if (text.kinds.length === 0) faults.kinds = 'Choose at least one kind of state to restore.';
  const read = (name: TraceNumber): number => {
    const value = parseNumber(text[name], rules[name]);
    if (typeof value === 'number') return value;
    faults[name] = value;
    return NaN;
  };
  const settings: TraceSettings = {
    kinds: TRACE_KINDS.filter((kind) => text.kinds.includes(kind)),
    // Severing is told apart from the hidden state's own curve: it needs both.
    severed: text.severed && text.kinds.includes('hidden'),
    samples: read('samples'),
    window: read('window'),
    noise: text.noise.trim() === '' ? null : read('noise'),
    seed: read('seed'),
    generator: 'seeded',
  };
  return { settings: Object.keys(faults).length === 0 ? settings : null, faults };
}

/** How many facts to average over, or what is wrong with the number. */
export function parseFactCount(text: string): number | string {
  return parseNumber(text, countRule);
}
