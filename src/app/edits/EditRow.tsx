/** One edit: its fields, its prompt as the model reads it, and what the model says now. */
import { useEffect, useRef, useState } from 'react';
import type { EditDraft, Fault, RowInspection } from '../../worker/api.ts';
import { formatToken } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { Mark } from '../shared/Mark.tsx';
import panel from '../shared/Panel.module.css';
import { PredictionBars } from '../shared/PredictionBars.tsx';
import { enabledPatchesKey, inspectionKey, isBlank } from '../store/drafts.ts';
import { useStore } from '../store/index.ts';
import { outcomeOf } from '../store/rows.ts';
import { traceDisabledReason } from '../store/trace.ts';
import styles from './EditRow.module.css';
import { RowFields } from './RowFields.tsx';
import { TokenLine } from './TokenLine.tsx';

/** Rows of longer lists are closed until they are opened. */
const OPEN_ROWS = 4;

interface EditRowProps {
  id: string;
  number: number;
  focusOnMount: boolean;
}

/** The row's last answer, and whether it still answers what is typed. */
function useInspection(draft: EditDraft | undefined): { row: RowInspection | null; fresh: boolean } {
  const known = useStore((state) => (draft ? state.inspections[draft.id] : undefined));
  const patches = useStore((state) => enabledPatchesKey(state.history.patches));
  return { row: known?.row ?? null, fresh: !!draft && known?.key === inspectionKey(draft, patches) };
}

/** Faults about an emptiness the user has not come to yet are held back. */
function visibleFaults(draft: EditDraft, row: RowInspection | null, fresh: boolean, visited: boolean): Fault[] {
  if (!row || !fresh) return [];
  if (visited) return row.faults;
  if (isBlank(draft)) return [];
  return row.faults.filter(
    (fault) => fault.field === 'request' || fault.field === 'prompt' || draft[fault.field] !== '',
  );
}

export function EditRow({ id, number, focusOnMount }: EditRowProps) {
  const draft = useStore((state) => state.drafts.find((candidate) => candidate.id === id));
  const opened = useStore((state) => state.openedRows[id]);
  // As it was when the row came: others do not open and close when some are removed.
  const [openAtFirst] = useState(() => focusOnMount || useStore.getState().drafts.length <= OPEN_ROWS);
  // A row that is alone has no button to open it.
  const single = useStore((state) => state.drafts.length === 1);
  const open = single || (opened ?? openAtFirst);
  const chosen = useStore((state) => state.chosenRows.has(id));
  const openRow = useStore((state) => state.openRow);
  const chooseRows = useStore((state) => state.chooseRows);
  const duplicateRows = useStore((state) => state.duplicateRows);
  const removeRows = useStore((state) => state.removeRows);
  const moveRows = useStore((state) => state.moveRows);
  const shipped = useStore((state) => state.knowledge?.origin === 'shipped');
  const { row, fresh } = useInspection(draft);
  const warning = useStore((state) => state.rowWarnings[id]);
  const took = useStore((state) => draft && outcomeOf(state, draft)?.status === 'took');
  const [visited, setVisited] = useState(false);
  const group = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (focusOnMount) group.current?.querySelector('input')?.focus();
  }, [focusOnMount]);

  if (!draft) return null;
  const faults = visibleFaults(draft, row, fresh, visited);
  const requestFaults = faults.filter((fault) => fault.field === 'request');

  function remove(): void {
    // Focus goes to the neighbouring row, not to nowhere.
    const next = group.current?.nextElementSibling ?? group.current?.previousElementSibling;
    removeRows([id]);
    next?.querySelector<HTMLElement>('input, button')?.focus();
  }

  return (
    <div
      ref={group}
      role="group"
      aria-label={`Edit ${number}`}
      className={open ? panel.card : `${panel.card} ${styles.closed}`}
      onKeyDown={(event) => {
        if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
        event.preventDefault();
        moveRows([id], event.key === 'ArrowUp' ? -1 : 1);
      }}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setVisited(true);
      }}
    >
      <div className={styles.head}>
        {!single && (
          <>
            <input
              type="checkbox"
              className={styles.choose}
              aria-label={`Choose edit ${number}`}
              checked={chosen}
              onChange={(event) => chooseRows([id], event.target.checked)}
            />
            <Button
              variant="quiet"
              icon={open ? 'opened' : 'closed'}
              aria-expanded={open}
              aria-label={`Fields of edit ${number}`}
              title={open ? 'Close' : 'Open'}
              onClick={() => openRow(id, !open)}
            />
          </>
        )}
        <h3>
          <span className={open ? undefined : 'visually-hidden'}>Edit </span>
          {number}
        </h3>
        {!open && <Summary draft={draft} />}
        <Outcome draft={draft} />
        <div className={styles.acts}>
          <TraceButton id={id} number={number} named={open} />
          {open && (
            <Button
              variant="quiet"
              icon="copy"
              aria-label={`Duplicate edit ${number}`}
              title="Duplicate"
              onClick={() => duplicateRows([id])}
            />
          )}
          <Button variant="quiet" icon="cross" aria-label={`Remove edit ${number}`} title="Remove" onClick={remove} />
        </div>
      </div>
      {open && <RowFields draft={draft} faults={faults} />}
      {!open &&
        faults
          .filter((fault) => fault.field !== 'request')
          .map((fault) => (
            <p key={fault.message} className={panel.fault}>
              {fault.message}
            </p>
          ))}
      {requestFaults.map((fault) => (
        <p key={fault.message} className={panel.fault} role="status">
          {fault.message}
        </p>
      ))}
      {fresh && warning !== undefined && (
        <p className={styles.warning} role="status">
          {warning}
        </p>
      )}
      {fresh && row?.already && !took && <p className={panel.small}>The model says this already.</p>}
      {open && (
        <div className={fresh ? styles.answer : `${styles.answer} ${styles.stale}`} aria-busy={!fresh}>
          {row?.fullPrompt != null ? (
            <>
              <TokenLine tokens={row.tokens} targetTokens={row.targetTokens} />
              <div>
                <div className={styles.now}>
                  <h4>The model now says</h4>
                  {row.knownObject !== null && (
                    <span>
                      {shipped ? 'in ParaRel' : 'on its fact list'}: {row.knownObject}
                    </span>
                  )}
                </div>
                <PredictionBars label="What the model says now" predictions={row.top} tone="now" />
              </div>
            </>
          ) : (
            <p className={styles.waiting}>
              {fresh
                ? 'The prompt, its tokens and the model’s answer appear here once the edit is complete.'
                : 'Asking the model…'}
            </p>
          )}
        </div>
      )}
    </div>
  );
}

/** A closed row in a line. */
function Summary({ draft: { id, subject, object } }: { draft: EditDraft }) {
  const says = useStore((state) => state.inspections[id]?.row.top.at(0));
  return (
    <span className={styles.summary}>
      <span className={styles.subject}>{subject.trim() || '…'}</span> →{' '}
      <span className={styles.object}>{object.trim() || '…'}</span>
      {says && <span className={styles.says}>, now {formatToken(says.token)}</span>}
    </span>
  );
}

/** What came of the edit when it was run. */
function Outcome({ draft }: { draft: EditDraft }) {
  const outcome = useStore((state) => outcomeOf(state, draft));
  const status = outcome?.status ?? null;
  if (!outcome || status === null) return null;
  const { reason, patch, enabled } = outcome;
  const took = status !== 'missed';
  const words = `${enabled ? '' : 'Switched off: '}${status === 'already' ? 'the model said it before “' : took ? 'took in “' : 'did not take in “'}${patch}”${took ? '' : `: ${reason}`}`;
  return (
    <span className={enabled ? styles.outcome : `${styles.outcome} ${styles.off}`} title={words}>
      <Mark pass={took} words={[status === 'already' ? 'already so' : 'took', 'did not take']} />
      <span className="visually-hidden">{words}</span>
    </span>
  );
}

/** Traces this row's prompt and shows the trace. */
function TraceButton({ id, number, named }: { id: string; number: number; named: boolean }) {
  const disabledReason = useStore((state) => traceDisabledReason(state, id));
  const startTrace = useStore((state) => state.startTrace);
  return (
    <Button
      variant="quiet"
      icon="trace"
      disabled={disabledReason !== null}
      aria-label={`Trace edit ${number}`}
      title={disabledReason ?? 'Trace: see which states of the model bring its answer back'}
      onClick={() => void startTrace(id)}
    >
      {named ? 'Trace' : undefined}
    </Button>
  );
}
