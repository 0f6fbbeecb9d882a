/** A method's settings as they are typed: text per field, parsed and judged in words. Pure. */
import type { MethodSettings, SettingField } from '../../worker/api.ts';

/** By the fields' names. */
export type SettingsText = Readonly<Record<string, string>>;

/** What a number must be like. */
export type NumberRule = Pick<SettingField, 'kind' | 'min' | 'above' | 'max'>;

/** A setting's value as it would be typed: "0.5", "1, 2, 3". */
export function settingToText(value: unknown): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map(settingToText).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function settingsToText(fields: readonly SettingField[], settings: MethodSettings): SettingsText {
  return Object.fromEntries(fields.map(({ name }) => [name, settingToText(settings[name])]));
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

/** The layers of a text as {@link parseLayers} reads it; none where something is wrong with it. */
export function layersIn(text: string, layerCount: number): number[] {
  const layers = parseLayers(text, layerCount);
  return typeof layers === 'string' ? [] : layers;
}

/** The number typed, or what is wrong with it. A decimal comma is taken. */
export function parseNumber(text: string, rule: NumberRule): number | string {
  const value = text.trim() === '' ? NaN : Number(text.trim().replace(',', '.'));
  if (!Number.isFinite(value)) return 'Write a number.';
  if (rule.kind === 'integer' && !Number.isInteger(value)) return 'Write a whole number.';
  if (value < rule.min || (rule.above && value === rule.min)) {
    return `Must be ${rule.above ? 'above' : 'at least'} ${rule.min}.`;
  }
  if (value > rule.max) return `Must be at most ${rule.max}.`;
  return value;
}

export interface ParsedSettings {
  /** Null while a field has a fault. */
  settings: MethodSettings | null;
  /** By the fields' names, in their order. */
  faults: Partial<Record<string, string>>;
}

export function parseSettings(fields: readonly SettingField[], text: SettingsText, layerCount: number): ParsedSettings {
  const settings: Record<string, number | number[]> = {};
  const faults: Partial<Record<string, string>> = {};
  for (const field of fields) {
    const typed = text[field.name];
    const value = field.kind === 'layers' ? parseLayers(typed, layerCount) : parseNumber(typed, field);
    if (typeof value === 'string') faults[field.name] = value;
    else settings[field.name] = value;
  }
  return { settings: Object.keys(faults).length === 0 ? settings : null, faults };
}

/** The field of the layers whose weights are changed; null for a method that asks for none. */
export function layersField(fields: readonly SettingField[]): SettingField | null {
  return fields.find(({ kind }) => kind === 'layers') ?? null;
}
