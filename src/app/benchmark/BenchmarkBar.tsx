/** The buttons that start a benchmark, how far it is, or why it cannot start. */
import { formatPlural, formatSeconds, formatTimeLeft } from '../format.ts';
import bar from '../run/RunBar.module.css';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { benchmarkDisabledReason, editDisabledReason } from '../store/benchmark.ts';
import { useStore } from '../store/index.ts';
import type { Measurement } from '../store/measurement.ts';
import trace from '../trace/TraceBar.module.css';

export function measurementWords(task: Measurement): string {
  const share = task.total > 0 ? `${Math.round((100 * task.done) / task.total)} %` : '';
  const left = task.secondsLeft === null ? '' : formatTimeLeft(task.secondsLeft);
  return [task.stage, share, left].filter((part) => part !== '').join(' · ');
}

export function BenchmarkBar() {
  const disabledReason = useStore(benchmarkDisabledReason);
  const cannotEdit = useStore(editDisabledReason);
  const task = useStore((state) => state.benchmarkTask);
  const report = useStore((state) => state.reports.at(-1)?.report);
  const start = useStore((state) => state.startBenchmark);
  const cancel = useStore((state) => state.cancel);
  const running = task?.status === 'running';
  const note = running
    ? 'Measuring…'
    : (cannotEdit ??
      'Editing uses the settings of the Run tab and leaves a patch in the history. Measuring alone asks the model as it is.');
  return (
    <>
      <div className={bar.bar}>
        <Button
          variant="primary"
          disabled={cannotEdit !== null}
          aria-describedby="benchmark-note"
          onClick={() => void start(true)}
        >
          Edit and measure
        </Button>
        <Button disabled={disabledReason !== null} aria-describedby="benchmark-note" onClick={() => void start(false)}>
          Only measure
        </Button>
        <Button disabled={!running} onClick={() => void cancel()}>
          Cancel
        </Button>
        <p
          id="benchmark-note"
          className={cannotEdit === null || running ? bar.note : `${bar.note} ${bar.disabledReason}`}
        >
          {note}
        </p>
      </div>
      {task?.status === 'failed' && task.failure && (
        <FailureNotice title="The records could not be measured." failure={task.failure} />
      )}
      <div className={trace.progress}>
        <Progress
          label="Benchmark"
          fraction={running ? (task.total > 0 ? task.done / task.total : null) : task?.status === 'done' ? 1 : 0}
        />
        <p className={panel.small}>
          {running
            ? measurementWords(task)
            : task?.status === 'cancelled'
              ? 'Cancelled; an edit that was finished is in the history.'
              : report
                ? `${formatPlural(report.cases.length, 'record')} measured in ${formatSeconds(report.seconds)}.`
                : ''}
        </p>
      </div>
    </>
  );
}
