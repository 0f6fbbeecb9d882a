/** A number in a line of text, with its label before it. */
import { useId } from 'react';
import panel from '../shared/Panel.module.css';
import styles from './NumberField.module.css';

interface NumberFieldProps {
  label: string;
  /** As typed. */
  value: string;
  fault: boolean;
  onChange: (value: string) => void;
}

export function NumberField({ label, value, fault, onChange }: NumberFieldProps) {
  const id = useId();
  return (
    <>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className={`${panel.input} ${styles.number}`}
        value={value}
        inputMode="numeric"
        autoComplete="off"
        aria-invalid={fault}
        onChange={(event) => onChange(event.target.value)}
      />
    </>
  );
}
