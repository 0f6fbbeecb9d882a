/** Prompts that were judged after the edit, with what was wanted of each and what came. */
import { useState, type ReactNode } from 'react';
import type { JudgedPrompt } from '../../worker/api.ts';
import { formatProbability, formatToken } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { Mark } from '../shared/Mark.tsx';
import panel from '../shared/Panel.module.css';
import styles from './JudgedList.module.css';

interface JudgedListProps {
  title: ReactNode;
  label: string;
  judged: readonly JudgedPrompt[];
  words: [pass: string, fail: string];
  /** Said when there is nothing to judge. */
  empty: string;
}

/** Rows shown before the rest is asked for. */
const SHOWN = 12;

export function JudgedList({ title, label, judged, words, empty }: JudgedListProps) {
  const [all, setAll] = useState(false);
  const passed = judged.filter((prompt) => prompt.pass).length;
  // What failed is what one wants to see first.
  const ordered = judged.toSorted((a, b) => Number(a.pass) - Number(b.pass));
  const shown = all ? ordered : ordered.slice(0, SHOWN);
  return (
    <div>
      <h4>
        {title}{' '}
        {judged.length > 0 && (
          <span className={panel.small}>
            {passed} of {judged.length} {words[0] === 'keeps' ? 'keep their answer' : 'follow'}
          </span>
        )}
      </h4>
      {judged.length === 0 && <p className={panel.small}>{empty}</p>}
      <ul className={styles.list} aria-label={label}>
        {shown.map((prompt, i) => (
          <li key={i} className={styles.row}>
            <span className={styles.prompt}>
              {prompt.prompt} <b>{formatToken(prompt.after[0]?.token ?? '').replace('·', '')}</b>
            </span>
            <Mark pass={prompt.pass} words={words} />
            <span className={styles.numbers}>
              P({prompt.wanted}): {formatProbability(prompt.wantedProbabilityBefore)} →{' '}
              {formatProbability(prompt.wantedProbabilityAfter)}
            </span>
          </li>
        ))}
      </ul>
      {judged.length > shown.length && (
        <Button variant="quiet" onClick={() => setAll(true)}>
          Show all {judged.length}
        </Button>
      )}
    </div>
  );
}
