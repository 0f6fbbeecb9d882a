/** The likeliest next tokens with their probabilities as bars. */
import { formatProbability, formatToken } from '../format.ts';
import type { Prediction } from '../../worker/api.ts';
import styles from './PredictionBars.module.css';

interface PredictionBarsProps {
  /** What the list is, for a screen reader: "Before: likeliest next tokens". */
  label: string;
  predictions: readonly Prediction[];
  tone: 'before' | 'after' | 'now';
}

export function PredictionBars({ label, predictions, tone }: PredictionBarsProps) {
  return (
    <ol className={`${styles.bars} ${styles[tone]}`} aria-label={label}>
      {predictions.map((prediction) => (
        <li key={prediction.id} className={styles.row}>
          <span className={styles.token}>{formatToken(prediction.token)}</span>
          <span className={styles.track} aria-hidden="true">
            <span className={styles.bar} style={{ width: `${Math.min(1, prediction.probability) * 100}%` }} />
          </span>
          <span className={styles.value}>{formatProbability(prediction.probability)}</span>
        </li>
      ))}
    </ol>
  );
}
