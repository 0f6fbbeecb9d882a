/** How the run ended, where the run was watched. */
import { formatPlural, formatSeconds } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import { Mark } from '../shared/Mark.tsx';
import { useStore } from '../store/index.ts';
import { runDisabledReason } from '../store/run.ts';
import styles from './RunOutcome.module.css';

export function RunOutcome() {
  const run = useStore((state) => state.run);
  const comparison = useStore((state) => state.comparison);
  const comparing = useStore((state) => state.comparing !== null);
  const startRun = useStore((state) => state.startRun);
  const showResult = useStore((state) => state.showResult);
  const ready = useStore((state) => runDisabledReason(state) === null);
  const patchThere = useStore((state) => state.history.patches.some((patch) => patch.id === run?.patchId));

  if (run?.status === 'failed' && run.failure) {
    return (
      <FailureNotice
        title="The run failed."
        failure={run.failure}
        action={ready ? { label: 'Run again', onAct: () => void startRun() } : undefined}
      />
    );
  }
  const { patchId } = run ?? {};
  const mine = comparison && comparison.patchId === patchId ? comparison : null;
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
            Done in {formatSeconds(run.seconds ?? 0)}.{' '}
            {mine && (
              <Mark
                pass={mine.efficacy.passed === mine.efficacy.total}
                words={[
                  `${mine.efficacy.passed} of ${mine.efficacy.total} edits took`,
                  `${mine.efficacy.passed} of ${mine.efficacy.total} edits took`,
                ]}
              />
            )}
            {!mine && comparing && 'Comparing before and after…'}
          </p>
          {patchId != null && patchThere && <Button onClick={() => showResult(patchId)}>See the result</Button>}
        </>
      )}
    </div>
  );
}
