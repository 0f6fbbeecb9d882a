/** The cell under the pointer or the cursor, in words and numbers. */
import type { TraceGrid } from '../../worker/trace-api.ts';
import { formatPoints, formatProbability, formatToken } from '../format.ts';
import { Term } from '../shared/Tip.tsx';
import type { CellPlace } from '../shared/grid-keys.ts';
import type { HeatToken } from './HeatMap.tsx';
import styles from './HeatReading.module.css';

interface HeatReadingProps {
  place: CellPlace | null;
  tokens: HeatToken[];
  grid: TraceGrid | null;
  corrupted: number;
}

/** Silent for a screen reader: each cell's own label has these words and numbers. */
export function HeatReading({ place, tokens, grid, corrupted }: HeatReadingProps) {
  const token = place && tokens[place.token];
  if (!grid || !token) {
    return (
      <p className={`${styles.reading} ${styles.hint}`}>
        {grid ? 'Point at a cell, or move over the map with the arrow keys, to read it.' : ''}
      </p>
    );
  }
  const score = grid.scores[place.token]?.[place.layer] ?? null;
  const said = grid.says[place.token]?.[place.layer] ?? null;
  return (
    <dl className={styles.reading}>
      <div>
        <dt>{token.position === '' ? 'token' : token.position}</dt>
        <dd className={styles.code}>{formatToken(token.text)}</dd>
      </div>
      <div>
        <dt>layer</dt>
        <dd>{place.layer}</dd>
      </div>
      <div>
        <dt>P(answer)</dt>
        <dd>{score === null ? '…' : formatProbability(score)}</dd>
      </div>
      <div>
        <dt>
          <Term name="indirect effect" />
        </dt>
        <dd>{score === null ? '…' : formatPoints(score - corrupted)}</dd>
      </div>
      <div>
        <dt>would say</dt>
        <dd className={styles.code}>{said === null ? '…' : formatToken(said)}</dd>
      </div>
    </dl>
  );
}
