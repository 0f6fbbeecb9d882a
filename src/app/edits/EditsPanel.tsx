/** The list of edits to be made. */
import { useState } from 'react';
import { formatCount, formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import { Empty } from '../shared/Empty.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { EditRow } from './EditRow.tsx';
import styles from './EditsPanel.module.css';
import { PasteDialog } from './PasteDialog.tsx';

/** Rows shown at once: thousands would keep the page waiting at every letter. */
const PAGE_ROWS = 50;

export function EditsPanel() {
  const model = useStore((state) => state.model);
  const failed = useStore((state) => state.loadFailure !== null || state.workerLost !== null);
  const ids = useStore((state) => state.drafts.map((draft) => draft.id).join('\n'));
  const failure = useStore((state) => state.inspectFailure);
  const inspectNow = useStore((state) => state.inspectNow);
  const addDraft = useStore((state) => state.addDraft);
  const unreadable = useStore((state) => state.unreadableDrafts);
  const kept = useStore((state) => state.draftsKept);
  const shipped = useStore((state) => state.knowledge?.origin === 'shipped');
  const [pasting, setPasting] = useState(false);
  const [added, setAdded] = useState<string | null>(null);
  const [page, setPage] = useState(0);
  const rows = ids === '' ? [] : ids.split('\n');
  const pages = Math.ceil(rows.length / PAGE_ROWS);
  const first = Math.min(page, Math.max(0, pages - 1)) * PAGE_ROWS;

  function add(): void {
    setAdded(addDraft());
    // Where the new row is.
    setPage(Math.floor(rows.length / PAGE_ROWS));
  }

  return (
    <div className={panel.stack}>
      <div className={panel.head}>
        <h2>Edits</h2>
        <div className={styles.tools}>
          <Button icon="paste" disabled={!model} onClick={() => setPasting(true)}>
            Paste lines…
          </Button>
          <Button icon="add" disabled={!model} onClick={add}>
            Add edit
          </Button>
        </div>
      </div>
      <p className={panel.small}>
        Each edit gives a <Term name="subject" /> in a <Term name="relation" /> a new <Term name="object" />.
        {shipped &&
          ' The relations are ParaRel’s, which ship with the page; whether the model knows their facts is for it to say.'}
      </p>
      {unreadable > 0 && (
        <p className={panel.fault} role="status">
          {formatPlural(unreadable, 'row')} that this browser had kept could not be read and{' '}
          {unreadable === 1 ? 'is' : 'are'} left out.
        </p>
      )}
      {!kept && (
        <p className={panel.fault} role="status">
          This browser has no room for {rows.length === 1 ? 'this row' : `these ${formatCount(rows.length)} rows`}: they
          are not there after a reload. Run them, or free storage for this page.
        </p>
      )}
      {failure && (
        <FailureNotice
          title="The edits could not be checked."
          failure={failure}
          action={{ label: 'Check again', onAct: () => void inspectNow() }}
        />
      )}
      {!model && !failed && <Skeleton />}
      {!model && failed && <Empty title="No model, no edits yet">They come back with the model.</Empty>}
      {model && rows.length === 0 && (
        <Empty title="No edit yet">
          <p>Add one, paste several lines, or start from the model’s examples.</p>
          {model.examples.length > 0 && <ExamplesButton />}
        </Empty>
      )}
      {model &&
        rows
          .slice(first, first + PAGE_ROWS)
          .map((id, i) => <EditRow key={id} id={id} number={first + i + 1} focusOnMount={id === added} />)}
      {model && pages > 1 && (
        <nav className={styles.tools} aria-label="Pages of edits">
          <Button disabled={first === 0} onClick={() => setPage(first / PAGE_ROWS - 1)}>
            Earlier edits
          </Button>
          <span role="status">
            Edits {formatCount(first + 1)} to {formatCount(Math.min(first + PAGE_ROWS, rows.length))} of{' '}
            {formatCount(rows.length)}
          </span>
          <Button disabled={first + PAGE_ROWS >= rows.length} onClick={() => setPage(first / PAGE_ROWS + 1)}>
            Later edits
          </Button>
        </nav>
      )}
      {model && rows.length > 0 && (
        <Button variant="quiet" icon="add" onClick={add}>
          Another edit
        </Button>
      )}
      <PasteDialog open={pasting} onOpenChange={setPasting} />
    </div>
  );
}

function ExamplesButton() {
  const examples = useStore((state) => state.model?.examples ?? []);
  const adoptDrafts = useStore((state) => state.adoptDrafts);
  return <Button onClick={() => adoptDrafts(examples.map((draft) => ({ ...draft })))}>Fill in the examples</Button>;
}

/** The rows' shape while the model loads. */
function Skeleton() {
  return (
    <div aria-hidden="true" className={panel.stack}>
      {[0, 1, 2].map((i) => (
        <div key={i} className={`${panel.card} ${styles.skeleton}`}>
          <span style={{ width: '40%' }} />
          <span />
          <span style={{ width: '72%' }} />
          <span style={{ width: '88%', height: 90 }} />
        </div>
      ))}
    </div>
  );
}
