/** Per layer: how much its weights changed, and how far the states were from z before. */
import { useMemo, type ReactNode } from 'react';
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { formatNumber } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TICK, TOOLTIP, labelBelow } from '../shared/chart-look.ts';
import panel from '../shared/Panel.module.css';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import type { RunFigures } from '../store/run.ts';
import chart from './Chart.module.css';
import { ResidualChart } from './ResidualChart.tsx';

interface LayerPoint {
  layer: number;
  value: number | null;
}

interface LayerBarsProps {
  caption: ReactNode;
  /** For the tooltip and a screen reader. */
  name: string;
  points: LayerPoint[];
}

function LayerBars({ caption, name, points }: LayerBarsProps) {
  const words = points
    .map(({ layer, value }) => (value === null ? null : `layer ${layer} ${formatNumber(value)}`))
    .filter((part) => part !== null);
  return (
    <figure>
      <figcaption>{caption}</figcaption>
      <DrawnFigure name={name} words={`${name}: ${words.join(', ') || 'nothing yet'}`} className={chart.bars}>
        <ResponsiveContainer width="100%" height="100%">
          <BarChart data={points} margin={{ top: 6, right: 8, bottom: 18, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="layer"
              tickLine={false}
              stroke="var(--line-strong)"
              tick={TICK}
              label={labelBelow('layer')}
            />
            <YAxis
              width={52}
              tickLine={false}
              axisLine={false}
              domain={[0, 'auto']}
              tickFormatter={formatNumber}
              tick={TICK}
            />
            <Tooltip
              isAnimationActive={false}
              cursor={{ fill: 'var(--hover)' }}
              labelFormatter={(layer) => `Layer ${Number(layer)}`}
              formatter={(value) => formatNumber(Number(value))}
              contentStyle={TOOLTIP}
            />
            <Bar dataKey="value" name={name} fill="var(--layer)" maxBarSize={36} isAnimationActive={false} />
          </BarChart>
        </ResponsiveContainer>
      </DrawnFigure>
    </figure>
  );
}

export function LayerCharts({ run }: { run: RunFigures }) {
  const { layers, reports } = run;
  const ratios = useMemo(() => {
    // Where nobody said which layers are edited, they are those that were.
    const drawn = layers.length > 0 ? layers : reports.map(({ layer }) => layer);
    return drawn.map((layer): LayerPoint => ({
      layer,
      value: reports.find((report) => report.layer === layer)?.ratio ?? null,
    }));
  }, [layers, reports]);
  const table = {
    columns: ['layer', '‖ΔW‖', '‖W‖', '‖ΔW‖/‖W‖', 'mean residual', 'relative residual of the solve', 'seconds'],
    rows: reports.map((report) => [
      report.layer,
      report.updateNorm,
      report.weightNorm,
      report.ratio,
      report.meanResidual,
      report.relativeResidual,
      report.seconds,
    ]),
  };
  return (
    <div className={panel.stack}>
      <div className={chart.pair}>
        <LayerBars
          name="Size of the change"
          points={ratios}
          caption={
            <>
              Size of the change, <Term name="ΔW">‖ΔW‖/‖W‖</Term>
            </>
          }
        />
        <ResidualChart run={run} />
      </div>
      <TableDetails name="Change of the layers" table={table} />
    </div>
  );
}
