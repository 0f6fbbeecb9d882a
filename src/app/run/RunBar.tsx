/** The Run button, what it will do, or why it cannot. */
import { formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { useStore } from '../store/index.ts';
import { chosenLayersText, runLabel } from '../store/method.ts';
import { runDisabledReason } from '../store/run.ts';
import styles from './RunBar.module.css';

export function RunBar() {
  const disabledReason = useStore(runDisabledReason);
  const running = useStore((state) => state.run?.status === 'running');
  const count = useStore((state) => state.drafts.length);
  const label = useStore(runLabel);
  const layers = useStore(chosenLayersText);
  const pause = useStore((state) => state.run?.pause ?? 'none');
  const ended = useStore((state) => state.run !== null && state.run.status !== 'running');
  const pauseRun = useStore((state) => state.pauseRun);
  const resumeRun = useStore((state) => state.resumeRun);
  const startRun = useStore((state) => state.startRun);
  const cancel = useStore((state) => state.cancel);
  return (
    <div className={styles.bar}>
      <Button
        variant="primary"
        disabled={disabledReason !== null}
        aria-describedby="run-note"
        title="Ctrl+Enter"
        onClick={() => void startRun()}
      >
        {label}
      </Button>
      <Button
        disabled={!running || pause === 'asked'}
        onClick={() => void (pause === 'held' ? resumeRun() : pauseRun())}
      >
        {pause === 'held' ? 'Go on' : 'Pause'}
      </Button>
      {pause !== 'none' && (
        <Button
          disabled={pause !== 'held'}
          title="One step of the search, or one layer"
          onClick={() => void resumeRun('step')}
        >
          One step
        </Button>
      )}
      <Button disabled={!running} onClick={() => void cancel()}>
        Cancel
      </Button>
      {ended && (
        <Button
          disabled={disabledReason !== null}
          title="Searches every target anew, also those that an earlier run found"
          onClick={() => void startRun(true)}
        >
          Run afresh
        </Button>
      )}
      <p
        id="run-note"
        className={disabledReason === null || running ? styles.note : `${styles.note} ${styles.disabledReason}`}
      >
        {pause === 'held'
          ? 'Held before its next step.'
          : (disabledReason ??
            `Writes ${formatPlural(count, 'edit')} into the model${layers === null ? '' : `’s layers ${layers}`}.`)}
      </p>
    </div>
  );
}
