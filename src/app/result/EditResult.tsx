/** One edit before and after, with its paraphrases and neighbours. */
import { useState } from 'react';
import type { EditComparison } from '../../worker/api.ts';
import { formatProbability } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { Mark } from '../shared/Mark.tsx';
import panel from '../shared/Panel.module.css';
import { Term } from '../shared/Tip.tsx';
import { busyDisabledReason } from '../store/disabled-reasons.ts';
import { useStore } from '../store/index.ts';
import { BeforeAfter } from './BeforeAfter.tsx';
import styles from './EditResult.module.css';
import { JudgedList } from './JudgedList.tsx';

interface EditResultProps {
  number: number;
  edit: EditComparison;
  startsOpen: boolean;
  /** Whether the patch is in force. */
  enabled: boolean;
}

/** What it said before the patch: the old object where that is it, else its first word. */
function saidBefore({ continuationBefore, trueObject }: EditComparison): string {
  const text = continuationBefore.trim();
  if (trueObject !== null && text.startsWith(trueObject)) return trueObject;
  return /^[\p{L}\p{M}\p{N}'’.-]*[\p{L}\p{M}\p{N}]|^\S*/u.exec(text)?.[0] ?? '';
}

export function EditResult({ number, edit, startsOpen, enabled }: EditResultProps) {
  const [open, setOpen] = useState(startsOpen);
  // What the model said before this patch, not what a list has for true.
  const said = saidBefore(edit);
  const busy = useStore((state) => busyDisabledReason(state) !== null);
  const readLensOf = useStore((state) => state.readLensOf);
  return (
    <details
      className={`${panel.card} ${styles.result}`}
      open={open}
      aria-label={`Result ${number}`}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className={styles.head}>
        <h3>
          {number}. <span className={styles.subject}>{edit.subject}</span> →{' '}
          <span className={styles.object}>{edit.object}</span>
          {said !== '' && <span className={styles.was}> was {said}</span>}
        </h3>
        <Mark pass={edit.pass} words={['took', 'did not take']} />
      </summary>
      {open && (
        <div className={styles.body}>
          <p className={panel.small}>
            Probability of <strong className={styles.object}>{edit.object}</strong> after “{edit.prompt}”:{' '}
            {formatProbability(edit.objectProbabilityBefore)} →{' '}
            <strong className={styles.after}>{formatProbability(edit.objectProbabilityAfter)}</strong>
          </p>
          <BeforeAfter comparison={edit} afterDimmed={!enabled} />
          <div>
            <Button disabled={busy} onClick={() => readLensOf(edit.prompt)}>
              Layer by layer…
            </Button>
          </div>
          <div className={styles.lists}>
            <JudgedList
              title={<Term name="paraphrase">Paraphrases</Term>}
              label="Paraphrases"
              judged={edit.paraphrases}
              words={['follows', 'does not follow']}
              empty="This relation has no other wording to try."
            />
            <JudgedList
              title={<Term name="neighbour">Neighbours</Term>}
              label="Neighbours"
              judged={edit.neighbours}
              words={['keeps', 'changed']}
              empty="No other subject with the old object is known."
            />
          </div>
        </div>
      )}
    </details>
  );
}
