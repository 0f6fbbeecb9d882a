/** The old and the new answer on their way up the layers: how many tokens each layer finds likelier. */
import { useMemo } from 'react';
import { CartesianGrid, Line, LineChart, ReferenceArea, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { LensView } from '../../worker/lens-api.ts';
import { formatCount } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TICK, TOOLTIP, labelBelow, labelBeside, layerTicks, layersFrame } from '../shared/chart-look.ts';
import chart from '../run/Chart.module.css';
import { rankLines, type RankLine } from './rank-lines.ts';
import styles from './RankChart.module.css';

/** Powers of ten from 1 to beyond the largest rank. */
function rankTicks(lines: readonly RankLine[]): number[] {
  let worst = 10;
  for (const { ranks } of lines) for (const rank of ranks) worst = Math.max(worst, rank);
  return Array.from({ length: Math.ceil(Math.log10(worst)) + 1 }, (_, i) => 10 ** i);
}

/** "·French, before: 1 from layer 5 on, at the end 1". */
function wordsOf({ name, ranks }: RankLine): string {
  const first = ranks.indexOf(1);
  const said = first < 0 ? 'never first' : `first at layer ${first}`;
  return `${name}: ${said}, at the end ${formatCount(ranks[ranks.length - 1])}`;
}

export function RankChart({ view, token }: { view: LensView; token: number }) {
  const lines = useMemo(() => rankLines(view, token), [view, token]);
  const ticks = rankTicks(lines);
  const points = Array.from({ length: view.layerCount }, (_, layer) => ({
    layer,
    ...Object.fromEntries(lines.map(({ key, ranks }) => [key, ranks[layer]])),
  }));
  const { edited } = view;
  return (
    <div className={styles.chart}>
      <ul className={chart.legend} aria-label="Lines">
        {lines.map(({ key, name, color, dash }) => (
          <li key={key}>
            <svg width="26" height="8" aria-hidden="true">
              <path d="M0 4h26" stroke={color} strokeWidth={2.2} strokeDasharray={dash} />
            </svg>
            {name}
          </li>
        ))}
      </ul>
      <DrawnFigure
        name="Rank by layer"
        words={`Rank by layer. ${lines.map(wordsOf).join('; ')}.`}
        className={styles.plot}
      >
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={points} margin={{ top: 8, right: 12, bottom: 18, left: 0 }} accessibilityLayer={false}>
            {edited && <ReferenceArea {...layersFrame(edited)} />}
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="layer"
              type="number"
              domain={[-0.5, view.layerCount - 0.5]}
              ticks={layerTicks(view.layerCount)}
              interval={0}
              tickLine={false}
              stroke="var(--line-strong)"
              tick={TICK}
              label={labelBelow('layer')}
            />
            <YAxis
              width={58}
              scale="log"
              reversed
              domain={[1, ticks[ticks.length - 1]]}
              ticks={ticks}
              interval={0}
              tickLine={false}
              axisLine={false}
              tickFormatter={formatCount}
              tick={TICK}
              label={labelBeside('rank')}
            />
            <Tooltip
              isAnimationActive={false}
              labelFormatter={(layer) => `Layer ${Number(layer)}`}
              formatter={(value) => formatCount(Number(value))}
              contentStyle={TOOLTIP}
            />
            {lines.map(({ key, name, color, dash }) => (
              <Line
                key={key}
                dataKey={key}
                name={name}
                stroke={color}
                strokeWidth={2.2}
                strokeDasharray={dash}
                dot={{ r: 2.4, fill: color, strokeWidth: 0 }}
                isAnimationActive={false}
              />
            ))}
          </LineChart>
        </ResponsiveContainer>
      </DrawnFigure>
    </div>
  );
}
