/** The trace averaged over facts the model knows: how many, the button, and what came of it. */
import { useId } from 'react';
import type { AverageTraceView } from '../../worker/trace-api.ts';
import { formatNumber, formatPlural, formatPoints, formatSeconds, formatTimeLeft } from '../format.ts';
import bar from '../run/RunBar.module.css';
import { FindFacts } from '../knowledge/FindFacts.tsx';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { averageDisabledReason } from '../store/trace.ts';
import { parseFactCount } from '../store/trace-settings.ts';
import styles from './AverageBar.module.css';

export function AverageBar() {
  const id = useId();
  const disabledReason = useStore(averageDisabledReason);
  const task = useStore((state) => (state.traceTask?.what === 'average' ? state.traceTask : null));
  const average = useStore((state) => state.averageTrace);
  const count = useStore((state) => state.factCount);
  const setCount = useStore((state) => state.setFactCount);
  const start = useStore((state) => state.startAverageTrace);
  const cancel = useStore((state) => state.cancel);
  const running = task?.status === 'running';
  const left = running && task.secondsLeft !== null ? ` · ${formatTimeLeft(task.secondsLeft)}` : '';
  return (
    <div className={styles.average} role="group" aria-label="Average over known facts">
      <div className={bar.bar}>
        <label htmlFor={id}>Average over</label>
        <input
          id={id}
          className={`${panel.input} ${styles.count}`}
          value={count}
          inputMode="numeric"
          autoComplete="off"
          aria-label="Number of known facts"
          aria-invalid={typeof parseFactCount(count) === 'string'}
          onChange={(event) => setCount(event.target.value)}
        />
        <span>known facts</span>
        <Button disabled={disabledReason !== null} aria-describedby={`${id}-note`} onClick={() => void start()}>
          Trace facts
        </Button>
        <Button disabled={!running} onClick={() => void cancel()}>
          Cancel
        </Button>
      </div>
      <Progress
        label="Average trace"
        fraction={running ? (task.total > 0 ? task.done / task.total : null) : average ? 1 : 0}
      />
      <p id={`${id}-note`} className={`${panel.small} ${styles.words}`}>
        {running ? (
          task.detail + left
        ) : task?.status === 'cancelled' ? (
          'Cancelled; the average before is kept.'
        ) : disabledReason !== null && !average ? (
          disabledReason
        ) : average ? (
          <Outcome average={average} />
        ) : (
          'One prompt may be an exception: the average over facts of the unedited model shows where it recalls them as a rule.'
        )}
      </p>
      <FindFacts />
      {task?.status === 'failed' && task.failure && (
        <FailureNotice
          title="The facts could not be traced."
          failure={task.failure}
          action={disabledReason === null ? { label: 'Trace them again', onAct: () => void start() } : undefined}
        />
      )}
    </div>
  );
}

function Outcome({ average }: { average: AverageTraceView }) {
  const { facts, skipped, totalEffect, noise, seconds } = average;
  return (
    <>
      {formatPlural(facts, 'fact')} traced, {skipped} skipped because the model answered otherwise. Mean{' '}
      <Term name="total effect" /> {formatPoints(totalEffect.mean)} ± {(totalEffect.interval * 100).toFixed(1)}; noise{' '}
      {formatNumber(noise)}; {formatSeconds(seconds)}.
    </>
  );
}
