/** Next tokens and continuation, before beside after. */
import type { FreeComparison } from '../../worker/api.ts';
import { PredictionBars } from '../shared/PredictionBars.tsx';
import styles from './BeforeAfter.module.css';

interface BeforeAfterProps {
  comparison: FreeComparison;
  /** The after side is not what the model says at present. */
  afterDimmed?: boolean;
  /** What the sides are called. */
  names?: [before: string, after: string];
}

export function BeforeAfter({ comparison, afterDimmed = false, names = ['Before', 'After'] }: BeforeAfterProps) {
  const { prompt } = comparison;
  const sides = [
    { tone: 'before', name: names[0], top: comparison.before, text: comparison.continuationBefore, dim: false },
    { tone: 'after', name: names[1], top: comparison.after, text: comparison.continuationAfter, dim: afterDimmed },
  ] as const;
  return (
    <div className={styles.sides}>
      {sides.map((side) => (
        <div key={side.tone} className={side.dim ? `${styles.side} ${styles.dim}` : styles.side}>
          <h4 className={styles[side.tone]}>{side.name}</h4>
          <PredictionBars label={`${side.name}: likeliest next tokens`} predictions={side.top} tone={side.tone} />
          <p className={styles.text}>
            {prompt}
            <span className={styles[side.tone]}>{side.text}</span>
          </p>
        </div>
      ))}
    </div>
  );
}
