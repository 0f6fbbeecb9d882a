/** A plain sentence behind a word: shown on hover, on focus and on tap. */
import { Tooltip } from 'radix-ui';
import { useState, type ReactNode } from 'react';
import { glossary, type GlossaryTerm } from '../glossary.ts';
import styles from './Tip.module.css';

interface TipProps {
  text: ReactNode;
  children: ReactNode;
  className?: string;
}

export function Tip({ text, children, className }: TipProps) {
  const [open, setOpen] = useState(false);
  return (
    <Tooltip.Root open={open} onOpenChange={setOpen} delayDuration={250}>
      <Tooltip.Trigger asChild>
        <button
          type="button"
          className={className ?? styles.term}
          onClick={(event) => {
            // Radix closes on a press; touch screens have no hover, so a press must open.
            event.preventDefault();
            setOpen(true);
          }}
        >
          {children}
        </button>
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className={styles.tip} sideOffset={5} collisionPadding={10}>
          {text}
          <Tooltip.Arrow className={styles.arrow} />
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

/** A word of the field with its sentence from the glossary. */
export function Term({ name, children }: { name: GlossaryTerm; children?: ReactNode }) {
  return <Tip text={glossary[name]}>{children ?? name}</Tip>;
}
