/** Which prompt is traced, the Trace button, and how far it is or why it cannot start. */
import { useId } from 'react';
import { formatCount, formatSeconds, formatTimeLeft } from '../format.ts';
import bar from '../run/RunBar.module.css';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { PromptOptions } from '../shared/PromptOptions.tsx';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import { draftToTrace, traceDisabledReason, type TracedPrompt, type TraceTask } from '../store/trace.ts';
import styles from './TraceBar.module.css';

function wordsOf(task: TraceTask | null, traced: TracedPrompt | null): string {
  if (task?.status === 'running') {
    return [task.detail, task.secondsLeft === null ? '' : formatTimeLeft(task.secondsLeft)]
      .filter((part) => part !== '')
      .join(' · ');
  }
  if (task?.status === 'cancelled') return 'Cancelled; what had arrived is kept.';
  if (!traced?.complete) return '';
  const { seconds, cost } = traced.view;
  return `Done in ${formatSeconds(seconds)}: ${formatCount(cost.computed)} token-layers computed, where full passes take ${formatCount(cost.plain)}.`;
}

export function TraceBar() {
  const disabledReason = useStore((state) => traceDisabledReason(state));
  const task = useStore((state) => (state.traceTask?.what === 'prompt' ? state.traceTask : null));
  const traced = useStore((state) => state.traced);
  const startTrace = useStore((state) => state.startTrace);
  const cancel = useStore((state) => state.cancel);
  const running = task?.status === 'running';
  return (
    <>
      <PromptChoice />
      <div className={bar.bar}>
        <Button
          variant="primary"
          disabled={disabledReason !== null}
          aria-describedby="trace-note"
          onClick={() => void startTrace()}
        >
          Trace
        </Button>
        <Button disabled={!running} onClick={() => void cancel()}>
          Cancel
        </Button>
        <p
          id="trace-note"
          className={disabledReason === null || running ? bar.note : `${bar.note} ${bar.disabledReason}`}
        >
          {running
            ? 'Tracing…'
            : (disabledReason ??
              'Blurs the subject, then puts back one hidden state at a time, to see which of them bring the answer back.')}
        </p>
      </div>
      {task?.status === 'failed' && task.failure && (
        <FailureNotice
          title="The prompt could not be traced."
          failure={task.failure}
          action={disabledReason === null ? { label: 'Trace again', onAct: () => void startTrace() } : undefined}
        />
      )}
      <div className={styles.progress}>
        <Progress
          label="Trace"
          fraction={running ? (task.total > 0 ? task.done / task.total : null) : traced?.complete ? 1 : 0}
        />
        <p className={panel.small}>{wordsOf(task, traced)}</p>
      </div>
    </>
  );
}

function PromptChoice() {
  const id = useId();
  const empty = useStore((state) => state.drafts.length === 0);
  const chosen = useStore((state) => draftToTrace(state)?.id ?? '');
  const choose = useStore((state) => state.chooseTraceDraft);
  return (
    <div className={panel.field}>
      <label className={panel.label} htmlFor={id}>
        Prompt
      </label>
      <select
        id={id}
        className={panel.input}
        value={chosen}
        disabled={empty}
        onChange={(event) => choose(event.target.value)}
      >
        <PromptOptions chosen={chosen} />
      </select>
    </div>
  );
}
