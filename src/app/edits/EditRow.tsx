/** One edit: its fields, its prompt as the model reads it, and what the model says now. */
import { useEffect, useRef, useState } from 'react';
import type { EditDraft, Fault, RowInspection } from '../../worker/api.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { PredictionBars } from '../shared/PredictionBars.tsx';
import { enabledPatchesKey, inspectionKey, isBlank } from '../store/drafts.ts';
import { useStore } from '../store/index.ts';
import { traceDisabledReason } from '../store/trace.ts';
import styles from './EditRow.module.css';
import { RowFields } from './RowFields.tsx';
import { TokenLine } from './TokenLine.tsx';

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
  const duplicateDraft = useStore((state) => state.duplicateDraft);
  const removeDraft = useStore((state) => state.removeDraft);
  const shipped = useStore((state) => state.knowledge?.origin === 'shipped');
  const { row, fresh } = useInspection(draft);
  const warning = useStore((state) => state.rowWarnings[id]);
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
    removeDraft(id);
    next?.querySelector<HTMLElement>('input, button')?.focus();
  }

  return (
    <div
      ref={group}
      role="group"
      aria-label={`Edit ${number}`}
      className={panel.card}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setVisited(true);
      }}
    >
      <div className={styles.head}>
        <h3>Edit {number}</h3>
        <div>
          <TraceButton id={id} number={number} />
          <Button
            variant="quiet"
            icon="copy"
            aria-label={`Duplicate edit ${number}`}
            title="Duplicate"
            onClick={() => duplicateDraft(id)}
          />
          <Button variant="quiet" icon="cross" aria-label={`Remove edit ${number}`} title="Remove" onClick={remove} />
        </div>
      </div>
      <RowFields draft={draft} faults={faults} />
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
      {fresh && row?.already && <p className={panel.small}>The model says this already.</p>}
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
    </div>
  );
}

/** Traces this row's prompt and shows the trace. */
function TraceButton({ id, number }: { id: string; number: number }) {
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
      Trace
    </Button>
  );
}
