/** A question mark beside a label, with a sentence behind it. */
import { Tip } from './Tip.tsx';
import styles from './HelpTip.module.css';

export function HelpTip({ label, sentence }: { label: string; sentence: string }) {
  return (
    <Tip text={sentence} className={styles.helpTip}>
      <span className={styles.sign} aria-hidden="true">
        ?
      </span>
      <span className="visually-hidden">What is {label}</span>
    </Tip>
  );
}
