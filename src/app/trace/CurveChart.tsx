/** Effect over the layers, a line per position, with its interval as a band and the chosen layers shaded. */
import { largest, smallest } from '../../engine/extent.ts';
import { useMemo } from 'react';
import {
  Area,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceArea,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';
import { formatNumber, formatPoints } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TICK, TOOLTIP, labelBelow, labelBeside, layerTicks, layersFrame } from '../shared/chart-look.ts';
import chart from '../run/Chart.module.css';
import { roundStep } from '../shared/round-step.ts';
import type { Band } from '../store/trace.ts';
import styles from './CurveChart.module.css';
import type { CurveId, EffectCurve } from './effects.ts';

/** Colour tells the subject from the rest, dashes and width tell the positions apart. */
const looks: Record<CurveId, { color: string; dash: string; width: number }> = {
  'first subject': { color: 'var(--subject)', dash: '2 3', width: 1.8 },
  'middle subject': { color: 'var(--subject)', dash: '7 3', width: 1.8 },
  'last subject': { color: 'var(--subject)', dash: '', width: 2.6 },
  'first after': { color: 'var(--muted)', dash: '7 3', width: 1.8 },
  further: { color: 'var(--muted)', dash: '2 3', width: 1.8 },
  last: { color: 'var(--text)', dash: '', width: 2.2 },
  intact: { color: 'var(--layer)', dash: '', width: 2.6 },
  'MLPs severed': { color: 'var(--text)', dash: '7 3', width: 2 },
  'attention severed': { color: 'var(--muted)', dash: '2 3', width: 2 },
};

type Point = Record<string, number | null | [number, number]> & { layer: number };

/** Recharts takes a point per layer, with each curve's value and interval under a key of its own. */
function pointsOf(curves: EffectCurve[], layerCount: number): Point[] {
  return Array.from({ length: layerCount }, (_, layer) => {
    const point: Point = { layer };
    for (const { id, effect, interval } of curves) {
      const value = effect[layer] ?? null;
      const half = interval?.[layer];
      point[id] = value;
      if (value !== null && half !== undefined && Number.isFinite(half)) {
        point[`${id} ±`] = [value - half, value + half];
      }
    }
    return point;
  });
}

/** The labels of the axis, in steps of 1, 2 or 5 times a power of ten, around all that is drawn; zero is among them. */
function effectTicks(points: readonly Point[]): number[] {
  const values = points.flatMap((point) =>
    Object.entries(point).flatMap(([key, value]) => (key === 'layer' ? [] : (value ?? []))),
  );
  const [least, most] = [Math.min(0, smallest(values)), Math.max(0.1, largest(values))];
  const step = roundStep(most - least, 5);
  // A line that dips below zero by less than is seen does not make room for a step.
  const first = least > -0.1 * step ? 0 : Math.floor(least / step);
  const count = Math.ceil(most / step) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

/** The layer with the largest effect, in words. */
function peakOf({ name, effect }: EffectCurve): string {
  let best: { layer: number; value: number } | null = null;
  for (const [layer, value] of effect.entries()) {
    if (value !== null && (best === null || value > best.value)) best = { layer, value };
  }
  return best ? `${name} at most ${formatPoints(best.value)} at layer ${best.layer}` : `${name} not traced yet`;
}

interface CurveChartProps {
  /** For a screen reader. */
  name: string;
  curves: EffectCurve[];
  layerCount: number;
  band: Band | null;
}

export function CurveChart({ name, curves, layerCount, band }: CurveChartProps) {
  const points = useMemo(() => pointsOf(curves, layerCount), [curves, layerCount]);
  const ticks = useMemo(() => effectTicks(points), [points]);
  return (
    <div className={styles.chart}>
      <ul className={chart.legend} aria-label="Lines">
        {curves.map(({ id, name: words, count }) => (
          <li key={id}>
            <svg width="26" height="8" aria-hidden="true">
              <path
                d="M0 4h26"
                stroke={looks[id].color}
                strokeWidth={looks[id].width}
                strokeDasharray={looks[id].dash}
              />
            </svg>
            {words} <span className={styles.count}>({count})</span>
          </li>
        ))}
      </ul>
      <DrawnFigure name={name} words={`${name}: ${curves.map(peakOf).join('; ')}.`} className={styles.plot}>
        <ResponsiveContainer width="100%" height="100%">
          <ComposedChart data={points} margin={{ top: 6, right: 12, bottom: 18, left: 0 }} accessibilityLayer={false}>
            {band && <ReferenceArea {...layersFrame(band)} />}
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <ReferenceLine y={0} stroke="var(--line-strong)" />
            <XAxis
              dataKey="layer"
              type="number"
              domain={[-0.5, layerCount - 0.5]}
              ticks={layerTicks(layerCount)}
              interval={0}
              tickLine={false}
              stroke="var(--line-strong)"
              tick={TICK}
              label={labelBelow('layer')}
            />
            <YAxis
              width={46}
              domain={[ticks[0], ticks[ticks.length - 1]]}
              ticks={ticks}
              interval={0}
              tickLine={false}
              axisLine={false}
              tickFormatter={(value: number) => formatNumber(value * 100)}
              tick={TICK}
              label={labelBeside('points')}
            />
            <Tooltip
              isAnimationActive={false}
              labelFormatter={(layer) => `Layer ${Number(layer)}`}
              formatter={(value) => formatPoints(Number(value))}
              contentStyle={TOOLTIP}
            />
            {curves.map(
              ({ id, interval }) =>
                interval && (
                  <Area
                    key={`${id} ±`}
                    dataKey={`${id} ±`}
                    stroke="none"
                    fill={looks[id].color}
                    fillOpacity={0.13}
                    activeDot={false}
                    tooltipType="none"
                    isAnimationActive={false}
                  />
                ),
            )}
            {curves.map(({ id, name: words }) => (
              <Line
                key={id}
                dataKey={id}
                name={words}
                stroke={looks[id].color}
                strokeWidth={looks[id].width}
                strokeDasharray={looks[id].dash}
                dot={false}
                isAnimationActive={false}
              />
            ))}
          </ComposedChart>
        </ResponsiveContainer>
      </DrawnFigure>
    </div>
  );
}
