/** A box to tick, with a sentence on what it does. */
import styles from './Check.module.css';
import { HelpTip } from './HelpTip.tsx';

interface CheckProps {
  label: string;
  sentence: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}

export function Check({ label, sentence, checked, disabled = false, onChange }: CheckProps) {
  return (
    <span className={styles.check}>
      <label>
        <input
          type="checkbox"
          checked={checked}
          disabled={disabled}
          onChange={(event) => onChange(event.target.checked)}
        />{' '}
        {label}
      </label>
      <HelpTip label={label} sentence={sentence} />
    </span>
  );
}
