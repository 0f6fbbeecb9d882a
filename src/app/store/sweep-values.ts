/** The values of a sweep as they are typed, and those that are offered at first. Pure. */
import type { SettingField } from '../../worker/api.ts';
import type { SweepAxis } from '../../worker/benchmark-api.ts';
import { parseLayers, parseNumber, settingToText } from './settings.ts';

/** Of so many values, the preset's in the middle. */
const FACTORS = [1 / 16, 1 / 4, 1, 4, 16];
/** More would take a day. */
const MOST_VALUES = 24;

/** What the number of edits is called among the settings. */
export const EDITS_AXIS = 'edits';

/** Of a setting: multiples of the preset's value; of layers as many as there, moved up and down; of edits 1, 3, 10, … */
export function suggestedValues(
  field: SettingField | null,
  preset: unknown,
  layerCount: number,
  recordCount: number,
): string {
  if (field === null) {
    const counts = [1, 3, 10, 30, 100, 300, 1000].filter((count) => count < recordCount);
    return [...counts, recordCount].join(' ');
  }
  if (field.kind === 'layers') {
    const width = Array.isArray(preset) ? preset.length : 1;
    const starts = Array.from({ length: layerCount - width + 1 }, (_, start) => start);
    const step = Math.ceil(starts.length / 6);
    return starts
      .filter((start) => start % step === 0)
      .map((start) => (width === 1 ? String(start) : `${start}-${start + width - 1}`))
      .join(' ');
  }
  const middle = typeof preset === 'number' ? preset : 1;
  const values = FACTORS.map((factor) => {
    const value = Math.min(field.max, Math.max(field.min, middle * factor));
    return field.kind === 'integer' ? Math.round(value) : Number(value.toPrecision(3));
  }).filter((value) => !field.above || value > field.min);
  return [...new Set(values)].map(settingToText).join(' ');
}

/** What was typed, or what is wrong with it. */
export function parseValues(
  text: string,
  field: SettingField | null,
  layerCount: number,
  recordCount: number,
): SweepAxis | string {
  const parts = text.split(/[\s;]+/).filter((part) => part !== '');
  if (parts.length === 0) return 'Write the values to try, with spaces between.';
  if (parts.length > MOST_VALUES) return `At most ${MOST_VALUES} values can be tried at once.`;
  if (field?.kind === 'layers') {
    const values = parts.map((part) => parseLayers(part, layerCount));
    const fault = values.find((value) => typeof value === 'string');
    return fault ?? { kind: 'setting', name: field.name, values: values as number[][] };
  }
  const rule = field ?? { kind: 'integer', min: 1, above: false, max: recordCount };
  const values = parts.map((part) => parseNumber(part, rule));
  const fault = values.findIndex((value) => typeof value === 'string');
  if (fault >= 0) return `“${parts[fault]}”: ${String(values[fault])}`;
  const numbers = values as number[];
  return field ? { kind: 'setting', name: field.name, values: numbers } : { kind: 'edits', values: numbers };
}
