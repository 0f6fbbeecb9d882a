/** Sweeps: which value of a setting serves best, and how many edits a model bears. */
import { lazy, Suspense, useId } from 'react';
import type { SweepPoint } from '../../worker/benchmark-api.ts';
import { formatNumber, formatPlural, formatProbability, formatSeconds, midSentence } from '../format.ts';
import bar from '../run/RunBar.module.css';
import { Button } from '../shared/Button.tsx';
import { Check } from '../shared/Check.tsx';
import { ErrorBoundary } from '../shared/ErrorBoundary.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { useStore } from '../store/index.ts';
import { chosenMethod } from '../store/method.ts';
import { settingToText } from '../store/settings.ts';
import {
  bestPoint,
  sweepAxisOf,
  sweepDisabledReason,
  sweepFields,
  sweepValuesFault,
  sweepValuesText,
} from '../store/sweep.ts';
import { EDITS_AXIS } from '../store/sweep-values.ts';
import { measurementWords } from './BenchmarkBar.tsx';
import styles from './SweepCard.module.css';
import { sweepTable } from './sweep-curves.ts';

// The chart library is loaded when there is something to draw.
const SweepCharts = lazy(() => import('./SweepCharts.tsx').then((module) => ({ default: module.SweepCharts })));

export function SweepCard() {
  const disabledReason = useStore(sweepDisabledReason);
  const task = useStore((state) => state.sweepTask);
  const start = useStore((state) => state.startSweep);
  const cancel = useStore((state) => state.cancel);
  const damage = useStore((state) => state.sweepDamage);
  const setDamage = useStore((state) => state.setSweepDamage);
  const running = task?.status === 'running';
  return (
    <section className={panel.card} aria-label="Sweep">
      <h2>Sweep a setting</h2>
      <p className={panel.small}>
        Edits the records above once for every value, each time from the unedited model, and measures what came of it.
        The history stays as it is.
      </p>
      <AxisFields disabled={running} />
      <Check
        label="Measure damage"
        sentence="At every value, facts that nobody edited and held-out sentences are asked as well."
        checked={damage}
        disabled={running}
        onChange={setDamage}
      />
      <div className={bar.bar}>
        <Button disabled={disabledReason !== null} aria-describedby="sweep-note" onClick={() => void start()}>
          Run sweep
        </Button>
        <Button disabled={!running} onClick={() => void cancel()}>
          Cancel
        </Button>
        <p
          id="sweep-note"
          className={disabledReason === null || running ? bar.note : `${bar.note} ${bar.disabledReason}`}
        >
          {running
            ? measurementWords(task)
            : (disabledReason ?? 'Targets that were found before are not sought again.')}
        </p>
      </div>
      {running && <Progress label="Sweep" fraction={task.total > 0 ? task.done / task.total : null} />}
      {task?.status === 'failed' && task.failure && (
        <FailureNotice title="The sweep could not be finished." failure={task.failure} />
      )}
      {task?.status === 'cancelled' && <p className={panel.small}>Cancelled; what was measured by then is below.</p>}
      <SweepResult />
    </section>
  );
}

function AxisFields({ disabled }: { disabled: boolean }) {
  const id = useId();
  const method = useStore(chosenMethod);
  const name = useStore((state) => sweepAxisOf(state).name);
  const text = useStore(sweepValuesText);
  const fault = useStore(sweepValuesFault);
  const choose = useStore((state) => state.chooseSweepAxis);
  const setValues = useStore((state) => state.setSweepValues);
  return (
    <div className={styles.fields}>
      <div className={panel.field}>
        <label className={panel.label} htmlFor={`${id}-axis`}>
          Setting
        </label>
        <select
          id={`${id}-axis`}
          className={panel.input}
          value={name}
          disabled={disabled}
          onChange={(event) => choose(event.target.value)}
        >
          {sweepFields(method).map((field) => (
            <option key={field.name} value={field.name}>
              {field.label}
            </option>
          ))}
          <option value={EDITS_AXIS}>Number of edits</option>
        </select>
      </div>
      <div className={panel.field}>
        <label className={panel.label} htmlFor={`${id}-values`}>
          Values, with spaces between
        </label>
        <input
          id={`${id}-values`}
          className={panel.input}
          value={text}
          disabled={disabled}
          autoComplete="off"
          aria-invalid={fault !== null}
          aria-describedby={fault === null ? undefined : `${id}-fault`}
          onChange={(event) => setValues(event.target.value)}
        />
        {fault !== null && (
          <p id={`${id}-fault`} className={panel.fault}>
            {fault}
          </p>
        )}
      </div>
    </div>
  );
}

function SweepResult() {
  const sweep = useStore((state) => state.sweep);
  const apply = useStore((state) => state.applySweepPoint);
  if (!sweep || sweep.report.points.length === 0) return null;
  const { report, method } = sweep;
  const field = method.fields.find(({ name }) => name === report.setting);
  const axis = field ? midSentence(field.label) : 'edits';
  const best = report.axis === 'setting' ? bestPoint(report) : null;
  return (
    <>
      <p className={panel.small}>
        {method.label} on {report.title}, {formatPlural(report.records, 'record')}, seed {report.seed}:{' '}
        {formatPlural(report.points.length, 'value')} in {formatSeconds(report.seconds)}. Dashed: the unedited model.
        Bars: 95 % intervals.
      </p>
      <ErrorBoundary part="The charts">
        <Suspense fallback={<div className={styles.space} />}>
          <SweepCharts report={report} axis={axis} marked={best && settingToText(best.value)} />
        </Suspense>
      </ErrorBoundary>
      {report.axis === 'setting' && (
        <ul className={styles.points} aria-label="Values">
          {report.points.map((point, i) => (
            <li key={i} className={point === best ? styles.best : undefined}>
              <span>
                {axis} <strong>{settingToText(point.value)}</strong>
                {point === best && ' (best)'}
              </span>
              <span className={panel.small}>{pointWords(point)}</span>
              <Button
                aria-label={`Use ${axis} ${settingToText(point.value)} for the next run`}
                onClick={() => apply(point)}
              >
                Use
              </Button>
            </li>
          ))}
        </ul>
      )}
      <TableDetails name="Sweep" table={sweepTable(report, axis)} />
    </>
  );
}

function pointWords({ metrics, damage, seconds }: SweepPoint): string {
  const score = metrics.score ? `S ${formatProbability(metrics.score.mean)}` : '';
  const kept = damage?.keptOverall == null ? '' : `${formatProbability(damage.keptOverall)} of other facts kept`;
  const perplexity = damage?.perplexity == null ? '' : `perplexity ${formatNumber(damage.perplexity)}`;
  return [score, kept, perplexity, formatSeconds(seconds)].filter((part) => part !== '').join(' · ');
}
