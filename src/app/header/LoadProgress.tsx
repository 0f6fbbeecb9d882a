/** How loading goes, in bytes. */
import { formatBytes } from '../format.ts';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import styles from './LoadProgress.module.css';
import { StopButton } from './StopButton.tsx';

/** Of this machine, in bytes, as far as the browser tells: it never says more than 8 GiB, and some say nothing. */
const gibibytes = (navigator as Navigator & { deviceMemory?: number }).deviceMemory;
const memory = gibibytes === undefined || gibibytes >= 8 ? Infinity : gibibytes * 2 ** 30;
const TOO_LITTLE = ': more memory than this machine has. The page may run out of it';

export function LoadProgress() {
  const loading = useStore((state) => state.loading);
  const job = useStore((state) => state.job);
  if (!loading) return null;
  const { stage, file, loadedBytes, totalBytes, needs } = loading;
  const label = job?.kind === 'load' ? job.label : 'Loading';
  return (
    <div className={styles.whole}>
      <div className={styles.load}>
        <p className={styles.words}>
          <span>
            <strong>{label}</strong> — {stage.toLowerCase()}
            {file !== '' && <span className={styles.file}> {file}</span>}
            {needs && `, which takes ${formatBytes(needs.weightBytes)}${needs.weightBytes > memory ? TOO_LITTLE : ''}`}
          </span>
          {loadedBytes > 0 && (
            <span>
              {formatBytes(loadedBytes)}
              {totalBytes > 0 && ` of ${formatBytes(totalBytes)}`}
            </span>
          )}
        </p>
        <Progress label={label} fraction={totalBytes > 0 ? loadedBytes / totalBytes : null} />
      </div>
      {job && <StopButton jobId={job.id} />}
    </div>
  );
}
