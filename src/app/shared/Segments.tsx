/** One of a few choices, side by side; the arrow keys change it. */
import { RadioGroup } from 'radix-ui';
import styles from './Segments.module.css';

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; name: string }[];
  onChoose: (value: T) => void;
  disabled?: boolean;
}

export function Segments<T extends string>({ label, value, options, onChoose, disabled = false }: SegmentsProps<T>) {
  return (
    <RadioGroup.Root
      className={styles.list}
      aria-label={label}
      value={value}
      disabled={disabled}
      onValueChange={(next) => onChoose(next as T)}
    >
      {options.map((option) => (
        <RadioGroup.Item key={option.value} value={option.value} className={styles.segment}>
          {option.name}
        </RadioGroup.Item>
      ))}
    </RadioGroup.Root>
  );
}
