/** What the small multiples of a sweep draw. Pure. */
import type { Metric, SweepPoint } from '../../worker/benchmark-api.ts';
import type { GlossaryTerm } from '../glossary.ts';
import type { Cell, Table } from '../shared/table.ts';
import { settingToText } from '../store/settings.ts';
import type { SweepReport } from '../../worker/benchmark-api.ts';

export interface CurvePoint {
  /** As it would be typed. */
  value: string;
  /** In the curve's unit. */
  mean: number;
  low: number;
  high: number;
}

export interface Curve {
  term: GlossaryTerm;
  name: string;
  unit: '%' | '';
  color: string;
  /** Of the unedited model. */
  before: number | null;
  points: CurvePoint[];
}

interface Measure {
  term: GlossaryTerm;
  name: string;
  unit: '%' | '';
  color: string;
  before: (report: SweepReport) => number | null;
  of: (point: SweepPoint) => Pick<Metric, 'mean' | 'low' | 'high'> | null;
}

function exactly(value: number | null | undefined): Pick<Metric, 'mean' | 'low' | 'high'> | null {
  return value == null ? null : { mean: value, low: value, high: value };
}

const MEASURES: readonly Measure[] = [
  {
    term: 'S',
    name: 'S',
    unit: '%',
    color: 'var(--text)',
    before: ({ before }) => before.score?.mean ?? null,
    of: ({ metrics }) => metrics.score,
  },
  {
    term: 'ES',
    name: 'ES',
    unit: '%',
    color: 'var(--after)',
    before: ({ before }) => before.groups.rewrite?.success?.mean ?? null,
    of: ({ metrics }) => metrics.groups.rewrite?.success ?? null,
  },
  {
    term: 'PS',
    name: 'PS',
    unit: '%',
    color: 'var(--object)',
    before: ({ before }) => before.groups.paraphrase?.success?.mean ?? null,
    of: ({ metrics }) => metrics.groups.paraphrase?.success ?? null,
  },
  {
    term: 'NS',
    name: 'NS',
    unit: '%',
    color: 'var(--subject)',
    before: ({ before }) => before.groups.neighborhood?.success?.mean ?? null,
    of: ({ metrics }) => metrics.groups.neighborhood?.success ?? null,
  },
  {
    term: 'damage',
    name: 'other facts kept',
    unit: '%',
    color: 'var(--layer)',
    before: ({ perplexityBefore }) => (perplexityBefore === null ? null : 1),
    of: ({ damage }) => exactly(damage?.keptOverall),
  },
  {
    term: 'perplexity',
    name: 'perplexity',
    unit: '',
    color: 'var(--before)',
    before: ({ perplexityBefore }) => perplexityBefore,
    of: ({ damage }) => exactly(damage?.perplexity),
  },
];

/** Only what was measured. */
export function sweepCurves(report: SweepReport): Curve[] {
  return MEASURES.flatMap(({ term, name, unit, color, before, of }): Curve[] => {
    const factor = unit === '%' ? 100 : 1;
    const points = report.points.flatMap((point): CurvePoint[] => {
      const metric = of(point);
      if (!metric) return [];
      const { mean, low, high } = metric;
      return [{ value: settingToText(point.value), mean: factor * mean, low: factor * low, high: factor * high }];
    });
    const start = before(report);
    return points.length === 0
      ? []
      : [{ term, name, unit, color, before: start === null ? null : factor * start, points }];
  });
}

export function sweepTable(report: SweepReport, axis: string): Table {
  const number = (metric: { mean: number } | null | undefined): Cell => metric?.mean ?? null;
  const bounds = (metric: { low: number; high: number } | null | undefined): Cell[] => [
    metric?.low ?? null,
    metric?.high ?? null,
  ];
  return {
    columns: [
      axis,
      'edits',
      ...['S', 'ES', 'PS', 'NS'].flatMap((name) => [name, `${name} low`, `${name} high`]),
      'facts kept',
      'perplexity',
      'KL',
      'seconds',
    ],
    rows: report.points.map(({ value, edits, metrics, damage, seconds }) => {
      const { rewrite, paraphrase, neighborhood } = metrics.groups;
      const shown = [metrics.score, rewrite?.success, paraphrase?.success, neighborhood?.success];
      return [
        settingToText(value),
        edits,
        ...shown.flatMap((metric) => [number(metric), ...bounds(metric)]),
        damage?.keptOverall ?? null,
        damage?.perplexity ?? null,
        number(damage?.divergence),
        seconds,
      ];
    }),
  };
}
