/** What the model is busy with, how far it is, and a way to stop it. */
import { Button } from '../shared/Button.tsx';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import styles from './JobStatus.module.css';

export function JobStatus() {
  const job = useStore((state) => state.job);
  const ready = useStore((state) => state.model !== null && state.workerLost === null);
  const cancel = useStore((state) => state.cancel);
  // Loading shows itself, in bytes, below the header.
  if (!job || job.kind === 'load') return <p className={styles.idle}>{ready && !job ? 'Ready' : ''}</p>;
  const stoppable = ['run', 'trace', 'compare', 'benchmark'].includes(job.kind);
  return (
    <div className={styles.job}>
      <span className={styles.label}>{job.label}</span>
      <div className={styles.bar}>
        <Progress label={job.label} fraction={job.fraction} />
      </div>
      {stoppable && (
        <Button onClick={() => void cancel()} title="Cancel the current job; the model stays as it was">
          Stop
        </Button>
      )}
    </div>
  );
}
