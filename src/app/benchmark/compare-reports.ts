/** Two reports beside each other: metrics, settings, and records that come out otherwise. Pure. */
import type { BenchmarkReport, CaseView, PromptGroup } from '../../worker/benchmark-api.ts';
import { formatCount, formatPlural } from '../format.ts';
import type { Table } from '../shared/table.ts';
import { settingsToText, type SettingName } from '../store/settings.ts';
import { GROUPS, metricRows, percent } from './report-tables.ts';

const SETTING_NAMES: Record<SettingName, string> = {
  layers: 'layers',
  steps: 'steps',
  learningRate: 'learning rate',
  weightDecay: 'weight decay',
  clampNormFactor: 'clamp',
  klFactor: 'KL factor',
  covarianceWeight: 'λ',
  seed: 'seed',
};

/** "3. 10 known facts: edited, layers 1, 2, 3, λ 200", for a list. */
export function reportName(number: number, { title, edits, settings, patches }: BenchmarkReport): string {
  const how = settings
    ? `edited, layers ${settings.layers.join(', ')}, λ ${settings.covarianceWeight}`
    : patches.length === 0
      ? 'unedited model'
      : patches.length === 1
        ? `with ${patches[0]}`
        : `with ${formatPlural(patches.length, 'patch', 'patches')}`;
  return `${number}. ${title}${edits > 0 && !title.startsWith(formatCount(edits)) ? ` (${formatCount(edits)})` : ''}: ${how}`;
}

/** Metrics of both as they are afterwards (before, where nothing was changed), in per cent; second less first. */
export function comparisonTable(first: BenchmarkReport, second: BenchmarkReport): Table {
  const others = new Map(metricRows(first).map((row) => [row.name, row]));
  return {
    columns: ['metric', 'of', 'first %', '± first', 'second %', '± second', 'difference'],
    rows: metricRows(second).map(({ name, group, before, after }) => {
      const other = others.get(name);
      const [a, b] = [other?.after ?? other?.before, after ?? before];
      return [
        name,
        group,
        percent(a?.mean),
        percent(a?.interval),
        percent(b?.mean),
        percent(b?.interval),
        a && b ? 100 * (b.mean - a.mean) : null,
      ];
    }),
  };
}

/** Settings in which two runs differ, as text; empty where one of them was none. */
export function differingSettings(
  first: BenchmarkReport,
  second: BenchmarkReport,
): { name: string; first: string; second: string }[] {
  if (!first.settings || !second.settings) return [];
  const [a, b] = [settingsToText(first.settings), settingsToText(second.settings)];
  const names = (Object.keys(SETTING_NAMES) as SettingName[]).filter((name) => a[name] !== b[name]);
  return names.map((name) => ({ name: SETTING_NAMES[name], first: a[name], second: b[name] }));
}

/** Prompts of a group by where they succeed. */
export interface PairedCounts {
  group: PromptGroup;
  both: number;
  first: number;
  second: number;
  neither: number;
}

/** Null where the reports asked different prompts. */
export function pairedCounts(first: BenchmarkReport, second: BenchmarkReport): PairedCounts[] | null {
  const pairs = pairedCases(first, second);
  if (!pairs) return null;
  return GROUPS.map(({ id: group }) => {
    const counts = { group, both: 0, first: 0, second: 0, neither: 0 };
    for (const [a, b] of pairs) {
      a.prompts.forEach((prompt, i) => {
        if (prompt.group !== group) return;
        const [was, is] = [succeeds(a, i), succeeds(b, i)];
        counts[was ? (is ? 'both' : 'first') : is ? 'second' : 'neither'] += 1;
      });
    }
    return counts;
  }).filter(({ both, first: a, second: b, neither }) => both + a + b + neither > 0);
}

/** Places of the second report's records of which a prompt comes out otherwise in the first; null where they asked different ones. */
export function differingCases(first: BenchmarkReport, second: BenchmarkReport): ReadonlySet<number> | null {
  const pairs = pairedCases(first, second);
  if (!pairs) return null;
  return new Set(
    pairs.flatMap(([a, b], index) => (a.prompts.some((_, i) => succeeds(a, i) !== succeeds(b, i)) ? [index] : [])),
  );
}

function pairedCases(first: BenchmarkReport, second: BenchmarkReport): [CaseView, CaseView][] | null {
  if (first.cases.length !== second.cases.length) return null;
  const pairs = second.cases.map((view, i): [CaseView, CaseView] => [first.cases[i], view]);
  const asked = ({ caseId, targetNew, prompts }: CaseView): string =>
    [caseId, targetNew, ...prompts.map(({ group, prompt }) => `${group} ${prompt}`)].join('\n');
  return pairs.every(([a, b]) => asked(a) === asked(b)) ? pairs : null;
}

function succeeds({ prompts }: CaseView, index: number): boolean {
  const { before, after } = prompts[index];
  return (after ?? before).success;
}
