/** A bar for work whose share is known, and for work whose share is not. */
import { Progress as Radix } from 'radix-ui';
import styles from './Progress.module.css';

interface ProgressProps {
  label: string;
  /** In [0, 1], or null while unknown. */
  fraction: number | null;
}

export function Progress({ label, fraction }: ProgressProps) {
  const percent = fraction === null ? null : Math.round(Math.min(1, Math.max(0, fraction)) * 100);
  return (
    <Radix.Root className={styles.track} value={percent} max={100} aria-label={label}>
      <Radix.Indicator
        className={percent === null ? `${styles.bar} ${styles.unknown}` : styles.bar}
        style={percent === null ? undefined : { width: `${percent}%` }}
      />
    </Radix.Root>
  );
}
