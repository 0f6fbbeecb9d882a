/** A question mark beside a label, with a sentence behind it. */
import { Tip } from './Tip.tsx';
import styles from './What.module.css';

export function What({ label, sentence }: { label: string; sentence: string }) {
  return (
    <Tip text={sentence} className={styles.what}>
      ?<span className="visually-hidden"> What is {label}</span>
    </Tip>
  );
}
