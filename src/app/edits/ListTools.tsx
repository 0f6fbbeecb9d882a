/** What is done with the list of edits as a whole: look for rows, choose them, move and remove them. */
import { useId, useRef } from 'react';
import { formatCount, formatPlural } from '../format.ts';
import { ActionMenu, type Action } from '../shared/ActionMenu.tsx';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { saveFile } from '../shared/save-file.ts';
import { toCsv } from '../shared/table.ts';
import { useStore } from '../store/index.ts';
import { ROW_STATES, type RowState } from '../store/rows.ts';
import styles from './ListTools.module.css';
import { requestsJson, requestsTable } from './request-file.ts';

interface ListToolsProps {
  /** Ids of the rows that are looked for. */
  shown: readonly string[];
}

export function ListTools({ shown }: ListToolsProps) {
  const id = useId();
  const count = useStore((state) => state.drafts.length);
  const filter = useStore((state) => state.rowFilter);
  const filterRows = useStore((state) => state.filterRows);
  const chosen = useStore((state) => state.chosenRows);
  const chooseRows = useStore((state) => state.chooseRows);
  const chosenShown = shown.filter((row) => chosen.has(row));
  return (
    <div className={styles.tools} role="group" aria-label="List of edits">
      <label className={styles.check}>
        <input
          type="checkbox"
          checked={shown.length > 0 && chosenShown.length === shown.length}
          onChange={(event) => chooseRows(shown, event.target.checked)}
        />
        All
      </label>
      <input
        type="search"
        className={`${panel.input} ${styles.filter}`}
        aria-label="Look for edits"
        placeholder={`Look in ${formatPlural(count, 'edit')}`}
        value={filter.text}
        onChange={(event) => filterRows({ text: event.target.value })}
      />
      <label className="visually-hidden" htmlFor={id}>
        Edits to show
      </label>
      <select
        id={id}
        className={`${panel.input} ${styles.state}`}
        value={filter.state}
        onChange={(event) => filterRows({ state: event.target.value as RowState })}
      >
        {Object.entries(ROW_STATES).map(([state, name]) => (
          <option key={state} value={state}>
            {name}
          </option>
        ))}
      </select>
      <span role="status" className={styles.found}>
        {shown.length < count && `${formatCount(shown.length)} of ${formatPlural(count, 'edit')}`}
      </span>
      {chosenShown.length > 0 && <ChosenTools ids={chosenShown} />}
    </div>
  );
}

function ChosenTools({ ids }: { ids: readonly string[] }) {
  const moveRows = useStore((state) => state.moveRows);
  const duplicateRows = useStore((state) => state.duplicateRows);
  const removeRows = useStore((state) => state.removeRows);
  const group = useRef<HTMLDivElement>(null);
  return (
    <div ref={group} className={styles.chosen} role="group" aria-label="Chosen edits">
      <span>{formatCount(ids.length)} chosen</span>
      <Button onClick={() => moveRows(ids, -1)}>Move up</Button>
      <Button onClick={() => moveRows(ids, 1)}>Move down</Button>
      <Button onClick={() => duplicateRows(ids)}>Duplicate</Button>
      <Button
        onClick={() => {
          // The buttons go with the rows that they were for.
          group.current?.parentElement?.querySelector<HTMLElement>('input[type="search"]')?.focus();
          removeRows(ids);
        }}
      >
        Remove
      </Button>
    </div>
  );
}

/** Files of edits, in and out, and the end of the list. */
export function ListMenu({ onImport }: { onImport: () => void }) {
  const drafts = useStore((state) => state.drafts);
  const relations = useStore((state) => state.model?.relations);
  const removeRows = useStore((state) => state.removeRows);
  const none = drafts.length === 0 || !relations;
  const actions: Action[] = [
    {
      name: 'Import edits…',
      note: 'Requests as JSON (the reference’s, EasyEdit’s, CounterFact, zsRE) or a table.',
      disabled: !relations,
      onSelect: onImport,
    },
    {
      name: 'Export as JSON',
      note: 'The reference’s form; the command line takes it with --requests.',
      disabled: none,
      onSelect: () => {
        const json = JSON.stringify(requestsJson(drafts, relations ?? []), null, 2);
        saveFile('edits.json', new Blob([`${json}\n`], { type: 'application/json' }));
      },
    },
    {
      name: 'Export as CSV',
      note: 'A row per edit.',
      disabled: none,
      onSelect: () => {
        saveFile('edits.csv', new Blob([toCsv(requestsTable(drafts, relations ?? []))], { type: 'text/csv' }));
      },
    },
    {
      name: 'Remove all edits',
      note: 'The patches that were made of them stay.',
      disabled: none,
      onSelect: () => removeRows(drafts.map(({ id }) => id)),
    },
  ];
  return (
    <ActionMenu actions={actions}>
      <Button icon="more" aria-label="More for the list of edits" title="Import, export, remove all" />
    </ActionMenu>
  );
}

/** What was removed last, and the way back. */
export function RemovalNotice() {
  const last = useStore((state) => state.removals.at(-1));
  const undoRemoval = useStore((state) => state.undoRemoval);
  const forgetRemovals = useStore((state) => state.forgetRemovals);
  if (!last) return null;
  const [{ draft }] = last;
  const named = [draft.subject.trim(), draft.object.trim()].filter((word) => word !== '').join(' → ');
  return (
    <div className={styles.removed}>
      <p>
        {last.length === 1
          ? `Removed ${named === '' ? 'an empty edit' : `“${named}”`}.`
          : `Removed ${formatPlural(last.length, 'edit')}.`}
      </p>
      <Button icon="undo" onClick={undoRemoval}>
        Undo removal
      </Button>
      <Button
        variant="quiet"
        icon="cross"
        aria-label="Forget what was removed"
        title="Forget"
        onClick={forgetRemovals}
      />
    </div>
  );
}
