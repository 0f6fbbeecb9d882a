/** Small multiples of a sweep: a measure each, over the values that were tried. */
import {
  CartesianGrid,
  ErrorBar,
  Line,
  LineChart,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';
import type { SweepReport } from '../../worker/benchmark-api.ts';
import { formatNumber } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TICK, TOOLTIP } from '../shared/chart-look.ts';
import { Term } from '../shared/Tip.tsx';
import styles from './SweepCard.module.css';
import { sweepCurves, type Curve } from './sweep-curves.ts';

interface SweepChartsProps {
  report: SweepReport;
  /** What is varied, as the axis is called. */
  axis: string;
  /** The value that is marked, as it would be typed. */
  marked: string | null;
}

export function SweepCharts({ report, axis, marked }: SweepChartsProps) {
  return (
    <div className={styles.charts}>
      {sweepCurves(report).map((curve) => (
        <SmallChart key={curve.name} curve={curve} axis={axis} marked={marked} />
      ))}
    </div>
  );
}

function SmallChart({ curve, axis, marked }: { curve: Curve; axis: string; marked: string | null }) {
  const { term, name, unit, color, before, points } = curve;
  const shown = points.map((point) => ({ ...point, spread: [point.mean - point.low, point.high - point.mean] }));
  const words = points.map(({ value, mean }) => `${value}: ${formatNumber(mean)}${unit && ' %'}`).join('; ');
  return (
    <figure className={styles.chart}>
      <figcaption>
        <Term name={term}>{name}</Term>
        {unit && ', %'}
      </figcaption>
      <DrawnFigure name={`${name} by ${axis}`} words={`${name} by ${axis}. ${words}.`} className={styles.plot}>
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={shown} margin={{ top: 8, right: 10, bottom: 2, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            {marked !== null && (
              <ReferenceLine x={marked} stroke="var(--layer)" strokeOpacity={0.45} strokeWidth={10} />
            )}
            {before !== null && <ReferenceLine y={before} stroke="var(--line-strong)" strokeDasharray="3 3" />}
            <XAxis
              dataKey="value"
              tickLine={false}
              stroke="var(--line-strong)"
              tick={TICK}
              padding={{ left: 12, right: 12 }}
            />
            <YAxis
              width={44}
              tickLine={false}
              axisLine={false}
              domain={unit === '%' ? [0, 100] : [(least: number) => Math.min(least, before ?? least) * 0.98, 'auto']}
              ticks={unit === '%' ? [0, 50, 100] : undefined}
              tickFormatter={formatNumber}
              tick={TICK}
            />
            <Tooltip
              isAnimationActive={false}
              labelFormatter={(value: React.ReactNode) => (
                <>
                  {axis} {value}
                </>
              )}
              formatter={(value) => `${formatNumber(Number(value))}${unit && ' %'}`}
              contentStyle={TOOLTIP}
            />
            <Line
              dataKey="mean"
              name={name}
              stroke={color}
              strokeWidth={2.2}
              dot={{ r: 3.2, fill: color, strokeWidth: 0 }}
              isAnimationActive={false}
            >
              <ErrorBar dataKey="spread" direction="y" width={3} stroke={color} strokeOpacity={0.6} />
            </Line>
          </LineChart>
        </ResponsiveContainer>
      </DrawnFigure>
    </figure>
  );
}
