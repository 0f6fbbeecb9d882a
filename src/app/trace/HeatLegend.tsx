/** What the colours of the heat map stand for. */
import { formatProbability } from '../format.ts';
import { Term } from '../shared/Tip.tsx';
import { themedGradient } from '../shared/color-scale.ts';
import styles from './HeatLegend.module.css';

interface HeatLegendProps {
  /** The ends of the scale; null before there is a trace. */
  corrupted: number | null;
  clean: number | null;
}

const gradient = themedGradient();

function end(probability: number | null): string {
  return probability === null ? '–' : formatProbability(probability);
}

export function HeatLegend({ corrupted, clean }: HeatLegendProps) {
  const middle = corrupted === null || clean === null ? null : (corrupted + clean) / 2;
  return (
    <figcaption className={styles.legend}>
      <span className={styles.title}>Probability of the answer, with the state put back</span>
      <span className={styles.scale}>
        <span className={styles.bar} style={{ background: gradient }} aria-hidden="true" />
        <span>
          {end(corrupted)} <Term name="corrupted" />
        </span>
        <span className={styles.middle}>{end(middle)}</span>
        <span className={styles.end}>{end(clean)} clean</span>
      </span>
    </figcaption>
  );
}
