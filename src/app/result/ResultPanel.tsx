/** What a patch changed and what it left alone, edit by edit. */
import { useEffect, useId } from 'react';
import type { PatchSummary } from '../../worker/api.ts';
import { Button } from '../shared/Button.tsx';
import { Empty } from '../shared/Empty.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Progress } from '../shared/Progress.tsx';
import { TableDetails } from '../shared/TableDetails.tsx';
import { shownPatch } from '../store/compare.ts';
import { useStore } from '../store/index.ts';
import { EditResult } from './EditResult.tsx';
import { ReachCard } from './ReachCard.tsx';
import { resultTable } from './result-table.ts';
import styles from './ResultPanel.module.css';
import { Summary } from './Summary.tsx';
import { TryPrompt } from './TryPrompt.tsx';

/** Beyond this many edits the cards start folded. */
const MAX_OPEN = 6;

export function ResultPanel() {
  const patch = useStore(shownPatch);
  return (
    <div className={panel.stack}>
      {patch ? (
        <PatchResult patch={patch} />
      ) : (
        <Empty title="No result yet">
          <p>
            After a run you see here, for every edit, what the model said before and says after, whether other wordings
            follow, and whether neighbours keep their answers.
          </p>
        </Empty>
      )}
      <TryPrompt />
    </div>
  );
}

function PatchResult({ patch }: { patch: PatchSummary }) {
  const comparison = useStore((state) => state.comparison);
  const failure = useStore((state) => state.compareFailure);
  const comparing = useStore((state) => state.comparing);
  const refreshComparison = useStore((state) => state.refreshComparison);
  const report = comparison?.patchId === patch.id ? comparison : null;
  useEffect(() => {
    refreshComparison();
  }, [patch.id, refreshComparison]);

  return (
    <>
      <section className={panel.card} aria-label="Summary">
        <PatchChoice patch={patch} />
        <div className={styles.summarySpace} aria-busy={comparing !== null}>
          {report ? (
            <Summary report={report} />
          ) : (
            comparing && (
              <>
                <p className={panel.muted}>Comparing before and after…</p>
                <Progress
                  label="Comparing before and after"
                  fraction={comparing.total > 0 ? comparing.done / comparing.total : null}
                />
              </>
            )
          )}
          {!report && !comparing && failure?.code === 'cancelled' && (
            <p className={panel.muted}>
              The comparison was cancelled. <Button onClick={refreshComparison}>Compare again</Button>
            </p>
          )}
        </div>
        {!patch.enabled && (
          <p className={styles.off}>
            This patch is switched off: the model answers as in “before”. “After” is what it would say with the patch
            on.
          </p>
        )}
        {failure && failure.code !== 'cancelled' && (
          <FailureNotice
            title="Before and after could not be compared."
            failure={failure}
            action={{ label: 'Compare again', onAct: refreshComparison }}
          />
        )}
        {report && <TableDetails name={`Result of ${patch.name}`} table={resultTable(report)} />}
      </section>
      {report?.edits.map((edit, i) => (
        <EditResult
          key={`${report.patchId}-${i}`}
          number={i + 1}
          edit={edit}
          startsOpen={report.edits.length <= MAX_OPEN}
          enabled={patch.enabled}
        />
      ))}
      <ReachCard patch={patch} />
      {!report && comparing && (
        <div aria-hidden="true" className={panel.stack}>
          {patch.edits.slice(0, 3).map((_, i) => (
            <div key={i} className={`${panel.card} ${styles.ghost}`} />
          ))}
        </div>
      )}
    </>
  );
}

function PatchChoice({ patch }: { patch: PatchSummary }) {
  const id = useId();
  const patches = useStore((state) => state.history.patches);
  const showResult = useStore((state) => state.showResult);
  return (
    <div className={styles.choice}>
      <label htmlFor={id}>Result of</label>
      <select id={id} className={panel.input} value={patch.id} onChange={(event) => showResult(event.target.value)}>
        {patches.toReversed().map((candidate) => (
          <option key={candidate.id} value={candidate.id}>
            {candidate.name}
            {candidate.enabled ? '' : ' (off)'}
          </option>
        ))}
      </select>
    </div>
  );
}
