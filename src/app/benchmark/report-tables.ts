/** A report as tables, for the page, for CSV and for the HTML file. Pure. */
import type { BenchmarkReport, GroupMetrics, Metric, PromptGroup } from '../../worker/benchmark-api.ts';
import type { GlossaryTerm } from '../glossary.ts';
import type { Cell, Table } from '../shared/table.ts';

export interface MetricGroup {
  id: PromptGroup;
  name: string;
  success: GlossaryTerm;
  letter: string;
  /** What zsRE calls the share of right tokens. */
  tokens: string;
}

export const GROUPS: readonly MetricGroup[] = [
  { id: 'rewrite', name: 'Edits', success: 'ES', letter: 'E', tokens: 'efficacy' },
  { id: 'paraphrase', name: 'Paraphrases', success: 'PS', letter: 'P', tokens: 'paraphrase' },
  { id: 'neighborhood', name: 'Neighbours', success: 'NS', letter: 'N', tokens: 'specificity' },
];

export interface MetricRow {
  /** "ES", "PM", "NA", "S", "GE"; "efficacy", "paraphrase", "specificity" are zsRE's. */
  name: string;
  group: string;
  before: Metric | null;
  after: Metric | null;
}

const MEASURES: readonly { id: keyof GroupMetrics; nameOf: (group: MetricGroup) => string }[] = [
  { id: 'success', nameOf: ({ letter }) => `${letter}S` },
  { id: 'magnitude', nameOf: ({ letter }) => `${letter}M` },
  { id: 'accuracy', nameOf: ({ letter }) => `${letter}A` },
  { id: 'tokenAccuracy', nameOf: ({ tokens }) => tokens },
];

/** Whether prompts of a group are judged by two objects; by the tokens of the one there is otherwise. */
function comparesObjects({ before }: BenchmarkReport, group: PromptGroup): boolean {
  const metrics = before.groups[group];
  if (metrics) return metrics.success !== null;
  return Object.values(before.groups).some((other) => other?.success !== null);
}

/** What a group is judged by first: ES, PS, NS, or zsRE's share of right tokens. */
export function headlineOf(
  report: BenchmarkReport,
  { id, success, tokens }: MetricGroup,
): { measure: 'success' | 'tokenAccuracy'; term: GlossaryTerm; label: string } {
  return comparesObjects(report, id)
    ? { measure: 'success', term: success, label: success }
    : { measure: 'tokenAccuracy', term: 'token accuracy', label: tokens };
}

/** ES … NA and S in the paper's order, or zsRE's three; then those of texts, where some were written. */
export function metricRows(report: BenchmarkReport): MetricRow[] {
  const { before, after } = report;
  const rows = MEASURES.flatMap(({ id, nameOf }) =>
    GROUPS.filter((group) => id === 'accuracy' || (id === 'tokenAccuracy') !== comparesObjects(report, group.id)).map(
      (group): MetricRow => ({
        name: nameOf(group),
        group: group.name,
        before: before.groups[group.id]?.[id] ?? null,
        after: after?.groups[group.id]?.[id] ?? null,
      }),
    ),
  );
  const texts: MetricRow[] = before.texts
    ? [
        { name: 'GE', group: 'Texts', before: before.texts.fluency, after: after?.texts?.fluency ?? null },
        { name: 'RS', group: 'Texts', before: before.texts.consistency, after: after?.texts?.consistency ?? null },
      ]
    : [];
  return [...rows, { name: 'S', group: '', before: before.score, after: after?.score ?? null }, ...texts];
}

/** A hundredfold, where there is something. */
export function percent(value: number | undefined): Cell {
  return value === undefined ? null : 100 * value;
}

/** Per cent, with the ends of the 95 % intervals; GE in hundredths of a bit. */
export function metricsTable(report: BenchmarkReport): Table {
  return {
    columns: [
      'metric',
      'of',
      'before %',
      'before, low',
      'before, high',
      'after %',
      'after, low',
      'after, high',
      'difference',
      'records',
    ],
    rows: metricRows(report).map(({ name, group, before, after }) => [
      name,
      group,
      percent(before?.mean),
      percent(before?.low),
      percent(before?.high),
      percent(after?.mean),
      percent(after?.low),
      percent(after?.high),
      before && after ? 100 * (after.mean - before.mean) : null,
      (after ?? before)?.records ?? null,
    ]),
  };
}

/** A row for every prompt of every record. */
export function promptsTable({ cases }: BenchmarkReport): Table {
  return {
    columns: [
      'case',
      'subject',
      'group',
      'prompt',
      'new object',
      'true object',
      'P(new) before',
      'P(true) before',
      'margin before',
      'P(new) after',
      'P(true) after',
      'margin after',
      'tokens right',
      'tokens',
      'success',
    ],
    rows: cases.flatMap(({ caseId, subject, prompts }) =>
      prompts.map(({ group, prompt, targetNew, targetTrue, before, after }) => [
        caseId,
        subject,
        group,
        prompt,
        targetNew,
        targetTrue,
        before.targetNew,
        before.targetTrue,
        before.margin,
        after?.targetNew ?? null,
        after?.targetTrue ?? null,
        after?.margin ?? null,
        (after ?? before).correct.tokens,
        (after ?? before).correct.of,
        (after ?? before).success,
      ]),
    ),
  };
}

/** A row for every text the model wrote. */
export function textsTable({ cases }: BenchmarkReport): Table {
  return {
    columns: ['case', 'subject', 'text before', 'text after'],
    rows: cases.flatMap(({ caseId, subject, texts }) =>
      (texts?.before.texts ?? []).map((text, i) => [caseId, subject, text, texts?.after?.texts[i] ?? null]),
    ),
  };
}
