/** By how much the right object is likelier, over all prompts of a group, before and after. */
import { useMemo, useState } from 'react';
import { Bar, BarChart, CartesianGrid, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { BenchmarkReport, PromptGroup } from '../../worker/benchmark-api.ts';
import { formatCount, formatNumber } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TOOLTIP, labelBelow } from '../shared/chart-look.ts';
import chart from '../run/Chart.module.css';
import panel from '../shared/Panel.module.css';
import { Segments } from '../shared/Segments.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import { marginBins, marginTicks } from './margins.ts';
import { GROUPS } from './report-tables.ts';
import styles from './MarginChart.module.css';

export function MarginChart({ report }: { report: BenchmarkReport }) {
  const [group, setGroup] = useState<PromptGroup>('rewrite');
  const bins = useMemo(() => marginBins(report, group), [report, group]);
  const axis = { tickLine: false, stroke: 'var(--line-strong)', tick: { fill: 'var(--muted)', fontSize: 11 } };
  const positive = bins
    .filter(({ middle }) => middle > 0)
    .reduce((sum, bin) => sum + (report.after ? bin.after : bin.before), 0);
  return (
    <>
      <div className={panel.head}>
        <h2>
          Distribution of <Term name="margin">margins</Term>
        </h2>
        <Segments
          label="Prompts"
          value={group}
          options={GROUPS.map(({ id, name }) => ({ value: id, name }))}
          onChoose={setGroup}
        />
      </div>
      {bins.length === 0 ? (
        <p className={panel.muted}>These records have no such prompts with two objects.</p>
      ) : (
        <>
          <ul className={chart.legend} aria-label="Bars">
            <li>
              <span className={styles.swatch} style={{ background: 'var(--before)' }} /> before
            </li>
            {report.after && (
              <li>
                <span className={styles.swatch} style={{ background: 'var(--after)' }} /> after
              </li>
            )}
          </ul>
          <DrawnFigure
            name={`Margins of ${report.title}`}
            words={`Margins of ${formatCount(bins.reduce((sum, bin) => sum + bin.before, 0))} prompts; ${formatCount(positive)} are above zero.`}
            className={styles.space}
          >
            <ResponsiveContainer width="100%" height="100%">
              <BarChart
                data={bins}
                barGap={0}
                barCategoryGap={1}
                margin={{ top: 6, right: 12, bottom: 18, left: 0 }}
                accessibilityLayer={false}
              >
                <CartesianGrid stroke="var(--line)" vertical={false} />
                <XAxis
                  {...axis}
                  dataKey="middle"
                  type="number"
                  domain={['dataMin', 'dataMax']}
                  ticks={marginTicks(bins)}
                  interval={0}
                  padding={{ left: 10, right: 10 }}
                  tickFormatter={(value: number) => formatNumber(value)}
                  label={labelBelow('margin, nats per token')}
                />
                <YAxis {...axis} width={46} axisLine={false} allowDecimals={false} />
                <ReferenceLine x={0} stroke="var(--line-strong)" />
                <Tooltip
                  isAnimationActive={false}
                  labelFormatter={(middle) => `Around ${formatNumber(Number(middle))} nats`}
                  contentStyle={TOOLTIP}
                />
                <Bar dataKey="before" fill="var(--before)" isAnimationActive={false} />
                {report.after && <Bar dataKey="after" fill="var(--after)" isAnimationActive={false} />}
              </BarChart>
            </ResponsiveContainer>
          </DrawnFigure>
          <TableDetails
            name={`Margins of ${report.title}`}
            table={{
              columns: ['margin', 'before', 'after'],
              rows: bins.map(({ middle, before, after }) => [middle, before, report.after ? after : null]),
            }}
          />
        </>
      )}
    </>
  );
}
