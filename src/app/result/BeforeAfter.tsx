/** Next tokens and continuation, before beside after. */
import type { FreeComparison } from '../../worker/api.ts';
import { PredictionBars } from '../shared/PredictionBars.tsx';
import styles from './BeforeAfter.module.css';
import { wordChanges, type Piece } from './word-changes.ts';

interface BeforeAfterProps {
  comparison: FreeComparison;
  /** The after side is not what the model says at present. */
  afterDimmed?: boolean;
  /** What the sides are called. */
  names?: [before: string, after: string];
}

export function BeforeAfter({ comparison, afterDimmed = false, names = ['Before', 'After'] }: BeforeAfterProps) {
  const { prompt, continuationBefore, continuationAfter } = comparison;
  const changes = wordChanges(continuationBefore, continuationAfter);
  const sides = [
    { tone: 'before', name: names[0], top: comparison.before, pieces: changes.before, dim: false },
    { tone: 'after', name: names[1], top: comparison.after, pieces: changes.after, dim: afterDimmed },
  ] as const;
  return (
    <div className={styles.sides}>
      {sides.map((side) => (
        <div key={side.tone} className={side.dim ? `${styles.side} ${styles.dim}` : styles.side}>
          <h4 className={styles[side.tone]}>{side.name}</h4>
          <PredictionBars label={`${side.name}: likeliest next tokens`} predictions={side.top} tone={side.tone} />
          <p className={styles.text}>
            {prompt}
            <Continued pieces={side.pieces} tone={side.tone} />
          </p>
        </div>
      ))}
    </div>
  );
}

/** How a model goes on, with the words that only it says marked. */
export function Continued({ pieces, tone }: { pieces: readonly Piece[]; tone: 'before' | 'after' }) {
  return (
    <span className={`${styles.continued} ${styles[tone]}`}>
      {pieces.map(({ text, differs }, i) =>
        differs ? (
          <mark key={i} className={styles.differs}>
            {text}
          </mark>
        ) : (
          text
        ),
      )}
    </span>
  );
}
