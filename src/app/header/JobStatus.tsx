/** What the model is busy with, how far it is, and a way to stop it. */
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import styles from './JobStatus.module.css';
import { StopButton } from './StopButton.tsx';

export function JobStatus() {
  const job = useStore((state) => state.job);
  const ready = useStore((state) => state.model !== null && state.workerLost === null);
  // Loading shows itself, in bytes, below the header.
  if (!job || job.kind === 'load') return <p className={styles.idle}>{ready && !job ? 'Ready' : ''}</p>;
  return (
    <div className={styles.job}>
      <span className={styles.label}>{job.label}</span>
      <div className={styles.bar}>
        <Progress label={job.label} fraction={job.fraction} />
      </div>
      <StopButton jobId={job.id} />
    </div>
  );
}
