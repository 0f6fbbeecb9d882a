/** How loading goes, in bytes. */
import { formatBytes } from '../format.ts';
import { Progress } from '../shared/Progress.tsx';
import { useStore } from '../store/index.ts';
import styles from './LoadProgress.module.css';

export function LoadProgress() {
  const loading = useStore((state) => state.loading);
  const job = useStore((state) => state.job);
  if (!loading) return null;
  const { stage, file, loadedBytes, totalBytes } = loading;
  const label = job?.kind === 'load' ? job.label : 'Loading';
  return (
    <div className={styles.load}>
      <p className={styles.words}>
        <span>
          <strong>{label}</strong> — {stage.toLowerCase()}
          {file !== '' && <span className={styles.file}> {file}</span>}
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
  );
}
