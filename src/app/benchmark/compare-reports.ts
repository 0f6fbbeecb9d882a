/** Two reports beside each other: metrics, settings, and records that come out otherwise. Pure. */
import type { MethodSettings, MethodView } from '../../worker/api.ts';
import type { BenchmarkReport, CaseView, PromptGroup } from '../../worker/benchmark-api.ts';
import { formatCount, formatPlural } from '../format.ts';
import { briefWords, shownSettings } from '../setting-words.ts';
import type { Table } from '../shared/table.ts';
import type { NumberedReport } from '../store/benchmark.ts';
import { GROUPS, metricRows, percent } from './report-tables.ts';

/** "3. 10 known facts: edited, layers 1, 2, 3, λ 200", for a list; `namesMethod` where there are several. */
export function reportName({ number, report, method }: NumberedReport, namesMethod = false): string {
  const { title, edits, settings, patches } = report;
  const how = settings
    ? editName(settings, method, namesMethod)
    : patches.length === 0
      ? 'unedited model'
      : patches.length === 1
        ? `with ${patches[0]}`
        : `with ${formatPlural(patches.length, 'patch', 'patches')}`;
  return `${number}. ${title}${edits > 0 && !title.startsWith(formatCount(edits)) ? ` (${formatCount(edits)})` : ''}: ${how}`;
}

function editName(settings: MethodSettings, method: MethodView | null, namesMethod: boolean): string {
  const edited = namesMethod && method ? `edited with ${method.label}` : 'edited';
  return [edited, briefWords(method, settings)].filter((part) => part !== '').join(', ');
}

/** Metrics of both as they are afterwards (before, where nothing was changed), in per cent; second less first. */
export function comparisonTable(first: BenchmarkReport, second: BenchmarkReport): Table {
  const others = new Map(metricRows(first).map((row) => [row.name, row]));
  return {
    columns: [
      'metric',
      'of',
      'first %',
      'first, low',
      'first, high',
      'second %',
      'second, low',
      'second, high',
      'difference',
    ],
    rows: metricRows(second).map(({ name, group, before, after }) => {
      const other = others.get(name);
      const [a, b] = [other?.after ?? other?.before, after ?? before];
      return [
        name,
        group,
        percent(a?.mean),
        percent(a?.low),
        percent(a?.high),
        percent(b?.mean),
        percent(b?.low),
        percent(b?.high),
        a && b ? 100 * (b.mean - a.mean) : null,
      ];
    }),
  };
}

/** Settings in which two runs differ, and their methods where those do, as text; empty where one of them was none. */
export function differingSettings(
  { report: first, method: firstMethod }: NumberedReport,
  { report: second, method: secondMethod }: NumberedReport,
): { name: string; first: string; second: string }[] {
  if (!first.settings || !second.settings) return [];
  const method = { name: 'method', first: firstMethod?.label ?? '–', second: secondMethod?.label ?? '–' };
  const sides = [shownSettings(firstMethod, first.settings), shownSettings(secondMethod, second.settings)];
  const [a, b] = sides.map((settings) => new Map(settings.map(({ label, text }) => [label, text])));
  const settings = [...new Set([...a.keys(), ...b.keys()])].map((name) => ({
    name,
    first: a.get(name) ?? '–',
    second: b.get(name) ?? '–',
  }));
  return [method, ...settings].filter((row) => row.first !== row.second);
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
