/** The residual as a waterfall: every layer's change closes a part of the way to z; what is left stands at the end. */
import { useId, useMemo, useState } from 'react';
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { formatNumber } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TICK, TOOLTIP, labelBelow } from '../shared/chart-look.ts';
import panel from '../shared/Panel.module.css';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import type { RunFigures } from '../store/run.ts';
import chart from './Chart.module.css';
import { EditOptions } from './EditOptions.tsx';
import { closedBy, closedSoFar, type ClosedResidual } from './residuals.ts';

interface Step {
  /** Of a layer, or of what is left. */
  name: string;
  span: [number, number];
  /** Recharts takes it for the bar. */
  fill: string;
  words: string;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function stepsOf(closed: readonly ClosedResidual[]): Step[] {
  const whole = closed.at(0)?.before ?? 0;
  const steps = closed.flatMap(({ layer, before, after }): Step[] => {
    if (after === null) return [];
    const words = `${formatNumber(before)} → ${formatNumber(after)} (${percent((before - after) / (whole || 1))} of the way)`;
    const fill = after <= before ? 'var(--layer)' : 'var(--bad)';
    return [{ name: String(layer), span: [after, before], fill, words }];
  });
  const left = closed.at(-1);
  if (left?.after == null) return steps;
  const words = `${formatNumber(left.after)} (${percent(left.after / (whole || 1))} of what there was)`;
  return [...steps, { name: 'left', span: [0, left.after], fill: 'var(--muted)', words }];
}

export function ResidualChart({ run }: { run: RunFigures }) {
  const id = useId();
  const [chosen, setChosen] = useState<number | null>(null);
  const { residuals, reports, edits } = run;
  const edit = chosen !== null && chosen < edits.length && residuals.length > 0 ? chosen : null;
  const closed = useMemo(
    () => (residuals.length > 0 ? closedBy(residuals, edit) : closedSoFar(reports)),
    [residuals, reports, edit],
  );
  const steps = stepsOf(closed);
  const words = steps.map((step) => `${step.name === 'left' ? 'left' : `layer ${step.name}`}: ${step.words}`);
  const table = () => ({
    columns: ['edit', 'subject', 'layer', '‖z − h‖ before', '‖z − h‖ after'],
    rows: residuals.map(({ edit: at, layer, before, after }) => [
      at + 1,
      edits[at]?.subject ?? '',
      layer,
      before,
      after,
    ]),
  });
  return (
    <figure className={panel.stack}>
      <figcaption className={chart.tools}>
        <label className={panel.label} htmlFor={id}>
          <Term name="residual">Residual</Term> closed, layer by layer
        </label>
        <select
          id={id}
          className={`${panel.input} ${chart.select}`}
          disabled={residuals.length === 0}
          value={edit ?? ''}
          onChange={(event) => setChosen(event.target.value === '' ? null : Number(event.target.value))}
        >
          <option value="">all edits, mean</option>
          <EditOptions edits={edits} />
        </select>
      </figcaption>
      <DrawnFigure
        name="Residual closed"
        words={`Residual closed: ${words.join('; ') || 'nothing yet'}`}
        className={chart.bars}
      >
        <ResponsiveContainer width="100%" height="100%">
          <BarChart data={steps} margin={{ top: 6, right: 8, bottom: 18, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="name"
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
              labelFormatter={(name) => (name === 'left' ? 'Left' : `Layer ${Number(name)}`)}
              formatter={(_, __, { payload }: { payload?: Step }) => payload?.words}
              contentStyle={TOOLTIP}
            />
            <Bar dataKey="span" name="‖z − h‖" maxBarSize={44} isAnimationActive={false} />
          </BarChart>
        </ResponsiveContainer>
      </DrawnFigure>
      {residuals.length > 0 && <TableDetails name="Residuals" table={table} />}
    </figure>
  );
}
