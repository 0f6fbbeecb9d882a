/** The run settings as they are typed: text per field, parsed and judged in words. Pure. */
import type { MemitSettings } from '../../worker/api.ts';

export type SettingName = keyof MemitSettings;
export type SettingsText = Record<SettingName, string>;

/** What a number must be like. */
export interface Rule {
  integer: boolean;
  min: number;
  /** Whether `min` itself is refused. */
  above: boolean;
  max: number;
}

const rules: Record<Exclude<SettingName, 'layers'>, Rule> = {
  steps: { integer: true, min: 1, above: false, max: 1000 },
  learningRate: { integer: false, min: 0, above: true, max: 10 },
  weightDecay: { integer: false, min: 0, above: false, max: Infinity },
  clampNormFactor: { integer: false, min: 0, above: true, max: Infinity },
  klFactor: { integer: false, min: 0, above: false, max: Infinity },
  covarianceWeight: { integer: false, min: 0, above: true, max: Infinity },
  seed: { integer: true, min: 0, above: false, max: Number.MAX_SAFE_INTEGER },
};

export function settingsToText(settings: MemitSettings): SettingsText {
  return {
    layers: settings.layers.join(', '),
    steps: String(settings.steps),
    learningRate: String(settings.learningRate),
    weightDecay: String(settings.weightDecay),
    clampNormFactor: String(settings.clampNormFactor),
    klFactor: String(settings.klFactor),
    covarianceWeight: String(settings.covarianceWeight),
    seed: String(settings.seed),
  };
}

/** Layers of "1, 2, 3" or "1-3", ascending; a string says what is wrong. */
export function parseLayers(text: string, layerCount: number): number[] | string {
  const layers = new Set<number>();
  for (const part of text.split(/[\s,;]+/).filter((piece) => piece !== '')) {
    const match = /^(\d+)(?:[-–](\d+))?$/.exec(part);
    if (!match) return `“${part}” is no layer: write numbers such as 1, 2, 3 or 1-3.`;
    const first = Number(match[1]);
    const last = Number(match.at(2) ?? match[1]);
    if (last < first) return `“${part}” runs backwards.`;
    if (last >= layerCount) return `Layer ${last} does not exist: this model has layers 0 to ${layerCount - 1}.`;
    for (let layer = first; layer <= last; layer += 1) layers.add(layer);
  }
  if (layers.size === 0) return 'Choose at least one layer.';
  return [...layers].sort((a, b) => a - b);
}

/** The number typed, or what is wrong with it. A decimal comma is taken. */
export function parseNumber(text: string, rule: Rule): number | string {
  const value = text.trim() === '' ? NaN : Number(text.trim().replace(',', '.'));
  if (!Number.isFinite(value)) return 'Write a number.';
  if (rule.integer && !Number.isInteger(value)) return 'Write a whole number.';
  if (value < rule.min || (rule.above && value === rule.min)) {
    return `Must be ${rule.above ? 'above' : 'at least'} ${rule.min}.`;
  }
  if (value > rule.max) return `Must be at most ${rule.max}.`;
  return value;
}

export interface ParsedSettings {
  /** Null while a field has a fault. */
  settings: MemitSettings | null;
  faults: Partial<Record<SettingName, string>>;
}

export function parseSettings(text: SettingsText, layerCount: number): ParsedSettings {
  const faults: Partial<Record<SettingName, string>> = {};
  const layers = parseLayers(text.layers, layerCount);
  if (typeof layers === 'string') faults.layers = layers;
  const numbers: Partial<Record<SettingName, number>> = {};
  for (const name of Object.keys(rules) as Exclude<SettingName, 'layers'>[]) {
    const value = parseNumber(text[name], rules[name]);
    if (typeof value === 'string') faults[name] = value;
    else numbers[name] = value;
  }
  if (typeof layers === 'string' || Object.keys(faults).length > 0) return { settings: null, faults };
  return { settings: { ...(numbers as Omit<MemitSettings, 'layers'>), layers }, faults };
}
