/** How the run ended, where the run was watched: which edits took, and why the others did not. */
import type { PatchEdit } from '../../worker/api.ts';
import { formatPlural, formatSeconds } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import { Mark } from '../shared/Mark.tsx';
import { useStore } from '../store/index.ts';
import { runDisabledReason } from '../store/run.ts';
import styles from './RunOutcome.module.css';

/** Of edits that did not take so many are named here; the result has all. */
const NAMED = 5;

/** How many edits the edited model says; those that it said before, too, by themselves. */
function Took({ edits }: { edits: readonly PatchEdit[] }) {
  const asked = edits.filter(({ status }) => status !== null);
  if (asked.length === 0) return null;
  const missed = asked.filter(({ status }) => status === 'missed').length;
  const already = asked.filter(({ status }) => status === 'already').length;
  const words = `${asked.length - missed} of ${asked.length} edits took`;
  return (
    <>
      <Mark pass={missed === 0} words={[words, words]} />
      {already > 0 && ` The model said ${already === 1 ? 'one of them' : `${already} of them`} before, too.`}
    </>
  );
}

/** What the run said by the way, and the edits that did not take. */
function Told({ notes, edits }: { notes: readonly string[]; edits: readonly PatchEdit[] }) {
  const missed = edits.flatMap((edit, i) => (edit.status === 'missed' ? [{ ...edit, number: i + 1 }] : []));
  if (notes.length + missed.length === 0) return null;
  return (
    <ul className={styles.told}>
      {notes.map((note, i) => (
        <li key={i}>{note}</li>
      ))}
      {missed.slice(0, NAMED).map(({ number, subject, object, reason }) => (
        <li key={number}>
          Edit {number}, {subject} → {object}, did not take: {reason}
        </li>
      ))}
      {missed.length > NAMED && <li>And {formatPlural(missed.length - NAMED, 'other edit')} did not take.</li>}
    </ul>
  );
}

export function RunOutcome() {
  const run = useStore((state) => state.run);
  const comparing = useStore((state) => state.comparing !== null);
  const startRun = useStore((state) => state.startRun);
  const showResult = useStore((state) => state.showResult);
  const ready = useStore((state) => runDisabledReason(state) === null);
  const patch = useStore((state) => state.history.patches.find(({ id }) => id === run?.patchId));

  if (run?.status === 'failed' && run.failure) {
    return (
      <FailureNotice
        title="The run failed."
        failure={run.failure}
        action={ready ? { label: 'Run again', onAct: () => void startRun() } : undefined}
      />
    );
  }
  return (
    <div className={styles.outcome}>
      <h2>Progress</h2>
      {!run && <p>A run makes a patch: it appears in the History, and can be switched off again.</p>}
      {run?.status === 'running' && <p>Running on {formatPlural(run.edits.length, 'edit')}…</p>}
      {run?.status === 'cancelled' && (
        <p>
          Cancelled after {formatSeconds(run.seconds ?? 0)}. {run.failure?.kept}
        </p>
      )}
      {run?.status === 'done' && (
        <>
          <p>
            Done in {formatSeconds(run.seconds ?? 0)}
            {run.heldSeconds >= 1 && `, of which it was held ${formatSeconds(run.heldSeconds)}`}.{' '}
            {patch && <Took edits={patch.edits} />}
            {comparing && ' Comparing before and after…'}
          </p>
          {patch && <Button onClick={() => showResult(patch.id)}>See the result</Button>}
        </>
      )}
      <Told notes={run?.notes ?? []} edits={patch?.edits ?? []} />
    </div>
  );
}
