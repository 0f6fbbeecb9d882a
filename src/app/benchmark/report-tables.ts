/** A report as tables, for the page, for CSV and for the HTML file. Pure. */
import type {
  BenchmarkReport,
  CounterFactMetrics,
  GroupMetrics,
  Metric,
  PromptGroup,
} from '../../worker/benchmark-api.ts';
import type { GlossaryTerm } from '../glossary.ts';
import type { Cell, Table } from '../shared/table.ts';

export const GROUPS: readonly { id: PromptGroup; name: string; success: GlossaryTerm; letter: string }[] = [
  { id: 'rewrite', name: 'Edits', success: 'ES', letter: 'E' },
  { id: 'paraphrase', name: 'Paraphrases', success: 'PS', letter: 'P' },
  { id: 'neighborhood', name: 'Neighbours', success: 'NS', letter: 'N' },
];

const MEASURES: readonly { id: keyof GroupMetrics; letter: string }[] = [
  { id: 'success', letter: 'S' },
  { id: 'magnitude', letter: 'M' },
  { id: 'accuracy', letter: 'A' },
];

export interface MetricRow {
  /** "ES", "PM", "NA", "S". */
  name: string;
  group: string;
  measure: keyof GroupMetrics | 'score';
  before: Metric | null;
  after: Metric | null;
}

/** ES … NA and S, in the paper's order. */
export function metricRows({ before, after }: BenchmarkReport): MetricRow[] {
  const rows = MEASURES.flatMap(({ id, letter }) =>
    GROUPS.map((group): MetricRow => ({
      name: `${group.letter}${letter}`,
      group: group.name,
      measure: id,
      before: before.groups[group.id]?.[id] ?? null,
      after: after?.groups[group.id]?.[id] ?? null,
    })),
  );
  const score = (metrics: CounterFactMetrics | null): Metric | null =>
    metrics?.score == null ? null : { mean: metrics.score, interval: 0, records: 0 };
  return [...rows, { name: 'S', group: '', measure: 'score', before: score(before), after: score(after) }];
}

/** Per cent. */
export function metricsTable(report: BenchmarkReport): Table {
  const percent = (value: number | undefined): Cell => (value === undefined ? null : 100 * value);
  return {
    columns: ['metric', 'of', 'before %', '± before', 'after %', '± after', 'difference', 'records'],
    rows: metricRows(report).map(({ name, group, before, after }) => [
      name,
      group,
      percent(before?.mean),
      percent(before?.interval),
      percent(after?.mean),
      percent(after?.interval),
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
      'new object',
      'true object',
      'group',
      'prompt',
      'P(new) before',
      'P(true) before',
      'margin before',
      'P(new) after',
      'P(true) after',
      'margin after',
      'success',
    ],
    rows: cases.flatMap(({ caseId, subject, targetNew, targetTrue, prompts }) =>
      prompts.map(({ group, prompt, before, after }) => [
        caseId,
        subject,
        targetNew,
        targetTrue,
        group,
        prompt,
        before.targetNew,
        before.targetTrue,
        before.margin,
        after?.targetNew ?? null,
        after?.targetTrue ?? null,
        after?.margin ?? null,
        (after ?? before).success,
      ]),
    ),
  };
}
