/** The list of edits to be made. */
import { useMemo, useRef, useState } from 'react';
import { toFailure } from '../../worker/client.ts';
import { formatCount, formatPlural } from '../format.ts';
import { readTextFile } from '../read-file.ts';
import { Button } from '../shared/Button.tsx';
import { Empty } from '../shared/Empty.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import panel from '../shared/Panel.module.css';
import { Term } from '../shared/Tip.tsx';
import { useStore } from '../store/index.ts';
import { NO_FILTER, shownRows } from '../store/rows.ts';
import { EditRow } from './EditRow.tsx';
import styles from './EditsPanel.module.css';
import { ListMenu, ListTools, RemovalNotice } from './ListTools.tsx';
import { PasteDialog } from './PasteDialog.tsx';

/** Rows shown at once: thousands would keep the page waiting at every letter. */
const PAGE_ROWS = 50;

export function EditsPanel() {
  const model = useStore((state) => state.model);
  const failed = useStore((state) => state.loadFailure !== null || state.workerLost !== null);
  const shown = useStore(shownRows);
  const count = useStore((state) => state.drafts.length);
  const failure = useStore((state) => state.inspectFailure);
  const inspectNow = useStore((state) => state.inspectNow);
  const addDraft = useStore((state) => state.addDraft);
  const unreadable = useStore((state) => state.unreadableDrafts);
  const kept = useStore((state) => state.draftsKept);
  const shipped = useStore((state) => state.knowledge?.origin === 'shipped');
  const [pasting, setPasting] = useState(false);
  const [added, setAdded] = useState<string | null>(null);
  const [page, setPage] = useState(0);
  const filterRows = useStore((state) => state.filterRows);
  const rows = useMemo(() => rowsOf(shown), [shown]);
  const ids = useMemo(() => rows.map(({ id }) => id), [rows]);
  const pages = Math.ceil(rows.length / PAGE_ROWS);
  const first = Math.min(page, Math.max(0, pages - 1)) * PAGE_ROWS;

  function add(): void {
    // A new row has nothing that is looked for.
    filterRows(NO_FILTER);
    setAdded(addDraft());
    // Where the new row is.
    setPage(Math.floor(count / PAGE_ROWS));
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
          <EditFiles />
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
          This browser has no room for {count === 1 ? 'this row' : `these ${formatCount(count)} rows`}: they are not
          there after a reload. Run them, or free storage for this page.
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
      <RemovalNotice />
      {model && count > 1 && <ListTools shown={ids} />}
      {model && count > 0 && rows.length === 0 && (
        <Empty title="No edit is like that">
          <Button onClick={() => filterRows(NO_FILTER)}>Show all edits</Button>
        </Empty>
      )}
      {model && count === 0 && (
        <Empty title="No edit yet">
          <p>Add one, paste several lines, or start from the model’s examples.</p>
          {model.examples.length > 0 && <ExamplesButton />}
        </Empty>
      )}
      {model &&
        rows
          .slice(first, first + PAGE_ROWS)
          .map(({ id, number }) => <EditRow key={id} id={id} number={number} focusOnMount={id === added} />)}
      {model && pages > 1 && (
        <nav className={styles.tools} aria-label="Pages of edits">
          <Button disabled={first === 0} onClick={() => setPage(first / PAGE_ROWS - 1)}>
            Earlier edits
          </Button>
          <span role="status">
            Edits {formatCount(rows[first].number)} to{' '}
            {formatCount(rows[Math.min(first + PAGE_ROWS, rows.length) - 1].number)} of {formatCount(rows.length)}
          </span>
          <Button disabled={first + PAGE_ROWS >= rows.length} onClick={() => setPage(first / PAGE_ROWS + 1)}>
            Later edits
          </Button>
        </nav>
      )}
      {model && count > 0 && (
        <Button variant="quiet" icon="add" onClick={add}>
          Another edit
        </Button>
      )}
      <PasteDialog open={pasting} onOpenChange={setPasting} />
    </div>
  );
}

interface ShownRow {
  id: string;
  /** In the whole list, from 1. */
  number: number;
}

function rowsOf(shown: string): ShownRow[] {
  if (shown === '') return [];
  return shown.split('\n').map((line) => {
    const space = line.indexOf(' ');
    return { number: Number(line.slice(0, space)), id: line.slice(space + 1) };
  });
}

/** Notes of a file that are shown; more would fill the column. */
const SHOWN_NOTES = 20;

/** The list's menu, and what reading a file of edits came to. */
function EditFiles() {
  const addRowsOfFile = useStore((state) => state.addRowsOfFile);
  const input = useRef<HTMLInputElement>(null);
  const [told, setTold] = useState<{ words: string; notes: string[]; failed: boolean } | null>(null);

  async function read(file: File): Promise<void> {
    try {
      const { name, text } = await readTextFile(file);
      const { added, notes } = await addRowsOfFile(name, text);
      setTold(
        notes.length > 0 ? { words: `${formatPlural(added, 'edit')} of ${name} added.`, notes, failed: false } : null,
      );
    } catch (error) {
      const { message, next } = toFailure(error);
      setTold({ words: [message, next].filter(Boolean).join(' '), notes: [], failed: true });
    }
  }

  return (
    <>
      <ListMenu onImport={() => input.current?.click()} />
      <input
        ref={input}
        type="file"
        hidden
        accept=".json,.jsonl,.csv,.tsv,.txt"
        aria-label="File of edits"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file) void read(file);
        }}
      />
      {told && (
        <div role="status" className={styles.told}>
          <p className={told.failed ? panel.fault : panel.small}>{told.words}</p>
          <ul>
            {told.notes.slice(0, SHOWN_NOTES).map((note, i) => (
              <li key={i} className={panel.small}>
                {note}
              </li>
            ))}
            {told.notes.length > SHOWN_NOTES && (
              <li className={panel.small}>and {formatCount(told.notes.length - SHOWN_NOTES)} more</li>
            )}
          </ul>
          <Button variant="quiet" onClick={() => setTold(null)}>
            Close
          </Button>
        </div>
      )}
    </>
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
