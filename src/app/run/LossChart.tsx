/** The loss terms over the steps, for one edit or the mean of all. */
import { useCallback, useId, useMemo, useState } from 'react';
import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { formatCount, formatNumber } from '../format.ts';
import { DrawnFigure } from '../shared/DrawnFigure.tsx';
import { TICK, TOOLTIP, labelBelow } from '../shared/chart-look.ts';
import panel from '../shared/Panel.module.css';
import { Segments } from '../shared/Segments.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { Term } from '../shared/Tip.tsx';
import type { GlossaryTerm } from '../glossary.ts';
import type { RunFigures } from '../store/run.ts';
import chart from './Chart.module.css';
import { EditOptions, OFFERED_EDITS } from './EditOptions.tsx';
import { lossCurve, type LossPoint } from './losses.ts';

type LineKey = 'loss' | 'nll' | 'kl' | 'decay';

/** Colour and dashes both tell the lines apart. NLL is about the object and KL about the subject, hence theirs. */
const lines: { key: LineKey; name: string; term: GlossaryTerm | null; color: string; dash: string; width: number }[] = [
  { key: 'loss', name: 'loss', term: null, color: 'var(--text)', dash: '', width: 2.2 },
  { key: 'nll', name: 'NLL', term: 'NLL', color: 'var(--object)', dash: '6 3', width: 1.8 },
  { key: 'kl', name: 'KL', term: 'KL', color: 'var(--subject)', dash: '2 3', width: 1.8 },
  { key: 'decay', name: 'decay', term: 'decay', color: 'var(--muted)', dash: '8 3 2 3', width: 1.8 },
];

/** Smaller values lie on the ground of the logarithmic axis, which has no zero. */
const LOG_FLOOR = 1e-4;
const LOG_TICKS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100];

function aboveFloor(point: LossPoint): LossPoint {
  const raised = (value: number): number => Math.max(value, LOG_FLOOR);
  const { loss, nll, kl, decay } = point;
  return { ...point, loss: raised(loss), nll: raised(nll), kl: raised(kl), decay: raised(decay) };
}

export function LossChart({ run }: { run: RunFigures }) {
  const id = useId();
  const [chosen, setChosen] = useState<number | null>(null);
  const edit = chosen !== null && chosen < run.edits.length ? chosen : null;
  const [logarithmic, setLogarithmic] = useState(false);
  const points = useMemo(() => lossCurve(run.losses, edit), [run.losses, edit]);
  const drawn = useMemo(() => (logarithmic ? points.map(aboveFloor) : points), [points, logarithmic]);
  const last = points.at(-1);
  const table = useCallback(
    () => ({
      columns: ['edit', 'subject', 'step', 'loss', 'NLL', 'KL', 'decay', '‖δ‖/‖h0‖'],
      rows: run.losses
        .filter((loss) => edit === null || loss.edit === edit)
        .map((loss) => [
          loss.edit + 1,
          run.edits[loss.edit]?.subject ?? '',
          loss.step,
          loss.loss,
          loss.nll,
          loss.kl,
          loss.decay,
          loss.deltaRatio,
        ]),
    }),
    [run.losses, run.edits, edit],
  );
  const summary = last
    ? `Loss ${formatNumber(last.loss)} after step ${last.step}, from ${formatNumber(points[0]?.loss ?? 0)} at first.`
    : 'No step has been made yet.';
  return (
    <div className={panel.stack}>
      <div className={chart.tools}>
        <label className={panel.label} htmlFor={id}>
          Show
        </label>
        <select
          id={id}
          className={`${panel.input} ${chart.select}`}
          value={edit ?? ''}
          onChange={(event) => setChosen(event.target.value === '' ? null : Number(event.target.value))}
        >
          <option value="">all edits, mean</option>
          <EditOptions edits={run.edits} />
        </select>
        {run.edits.length > OFFERED_EDITS && (
          <span className={panel.small}>
            The mean is of all {formatCount(run.edits.length)} edits; the first {formatCount(OFFERED_EDITS)} can be
            shown alone, the table has every one.
          </span>
        )}
        <Segments
          label="Axis of the loss"
          value={logarithmic ? 'log' : 'linear'}
          options={[
            { value: 'linear', name: 'Linear' },
            { value: 'log', name: 'Log' },
          ]}
          onChoose={(scale) => setLogarithmic(scale === 'log')}
        />
        <ul className={chart.legend} aria-label="Lines">
          {lines.map((line) => (
            <li key={line.key}>
              <svg width="24" height="8" aria-hidden="true">
                <path d="M0 4h24" stroke={line.color} strokeWidth={line.width} strokeDasharray={line.dash} />
              </svg>
              {line.term ? <Term name={line.term} /> : line.name}{' '}
              <span className={chart.value}>{last ? formatNumber(last[line.key]) : '–'}</span>
            </li>
          ))}
        </ul>
      </div>
      <DrawnFigure name="Loss over the steps" words={`Loss terms over the steps. ${summary}`} className={chart.loss}>
        <ResponsiveContainer width="100%" height="100%">
          <LineChart data={drawn} margin={{ top: 6, right: 12, bottom: 18, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--line)" vertical={false} />
            <XAxis
              dataKey="step"
              type="number"
              domain={[0, Math.max(1, run.steps === null ? (last?.step ?? 0) : run.steps - 1)]}
              allowDecimals={false}
              tickLine={false}
              stroke="var(--line-strong)"
              tick={TICK}
              label={labelBelow('step')}
            />
            <YAxis
              width={logarithmic ? 56 : 42}
              tickLine={false}
              axisLine={false}
              scale={logarithmic ? 'log' : 'auto'}
              domain={logarithmic ? [LOG_FLOOR, (most: number) => 10 ** Math.ceil(Math.log10(most))] : [0, 'auto']}
              {...(logarithmic && { ticks: LOG_TICKS, allowDataOverflow: true })}
              tickFormatter={formatNumber}
              tick={TICK}
            />
            <Tooltip
              isAnimationActive={false}
              labelFormatter={(step) => `Step ${Number(step)}`}
              formatter={(value) => formatNumber(Number(value))}
              contentStyle={TOOLTIP}
            />
            {lines.map((line) => (
              <Line
                key={line.key}
                dataKey={line.key}
                name={line.name}
                stroke={line.color}
                strokeWidth={line.width}
                strokeDasharray={line.dash}
                dot={points.length === 1}
                isAnimationActive={false}
              />
            ))}
          </LineChart>
        </ResponsiveContainer>
      </DrawnFigure>
      <TableDetails name="Loss over the steps" table={table} />
    </div>
  );
}
