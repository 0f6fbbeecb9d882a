/** The records that were imported: how many, which of them are used, and what is wrong with the others. */
import { useId, useMemo, useState } from 'react';
import type { ImportFault, RecordSetView, RecordView } from '../../worker/benchmark-api.ts';
import { formatCount, formatPlural } from '../format.ts';
import { Button } from '../shared/Button.tsx';
import panel from '../shared/Panel.module.css';
import { VirtualList } from '../shared/VirtualList.tsx';
import { useStore } from '../store/index.ts';
import { parseCount, parseSeed } from '../store/records.ts';
import { NumberField } from './NumberField.tsx';
import styles from './ImportedRecords.module.css';

const ROW_HEIGHT = 30;

export function ImportedRecords({ set }: { set: RecordSetView }) {
  const table = useStore((state) => state.importedTable);
  const ask = useStore((state) => state.askForColumns);
  const [shown, setShown] = useState(false);
  const [sample] = set.records;
  return (
    <>
      <div role="status">
        <p>
          <b>{set.name}</b>: {formatPlural(set.records.length, 'record')}, {formatPlural(set.paraphrases, 'paraphrase')}
          , {formatPlural(set.neighbours, 'neighbour')}
          {set.faults.length > 0 && `; ${formatPlural(set.faults.length, 'record')} left out`}.{' '}
          {table && (
            <Button variant="quiet" onClick={() => ask(table)}>
              Columns…
            </Button>
          )}
        </p>
        <p className={panel.small}>
          The first: <RecordWords record={sample} />
        </p>
      </div>
      {set.records.length > 1 && <Choice count={set.records.length} />}
      <FaultList title="Left out" faults={set.faults} />
      <FaultList title="Kept, but not whole" faults={set.notes} />
      {set.records.length > 1 && (
        <details onToggle={(event) => setShown(event.currentTarget.open)}>
          <summary>Show all records</summary>
          {shown && <RecordList records={set.records} />}
        </details>
      )}
    </>
  );
}

/** How many of them are used. */
function Choice({ count }: { count: number }) {
  const wanted = useStore((state) => state.importedCount);
  const setWanted = useStore((state) => state.setImportedCount);
  const seed = useStore((state) => state.benchmarkSeed);
  const setSeed = useStore((state) => state.setBenchmarkSeed);
  const parsed = parseCount(wanted, count);
  return (
    <p className={`${panel.small} ${styles.choice}`}>
      <NumberField label="Use" value={wanted} fault={typeof parsed === 'string'} onChange={setWanted} />
      of {formatCount(count)}
      {typeof parsed === 'number' && parsed < count && (
        <>
          , drawn by chance, every subject once.
          <NumberField label="Seed" value={seed} fault={typeof parseSeed(seed) === 'string'} onChange={setSeed} />
        </>
      )}
    </p>
  );
}

function RecordWords({ record: { prompt, targetTrue, targetNew } }: { record: RecordView }) {
  return (
    <>
      “{prompt}” {targetTrue === null ? '' : `${targetTrue} `}→ {targetNew}
    </>
  );
}

function RecordList({ records }: { records: readonly RecordView[] }) {
  const [search, setSearch] = useState('');
  const found = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return records
      .map((record, index) => ({ record, index }))
      .filter(({ record: { prompt, targetTrue, targetNew } }) =>
        `${prompt}\n${targetTrue ?? ''}\n${targetNew}`.toLowerCase().includes(wanted),
      );
  }, [records, search]);
  const id = useId();
  return (
    <div className={panel.stack}>
      <label htmlFor={id} className="visually-hidden">
        Search imported records
      </label>
      <input
        id={id}
        className={panel.input}
        type="search"
        placeholder={`Search ${formatPlural(records.length, 'record')}`}
        value={search}
        onChange={(event) => setSearch(event.target.value)}
      />
      <VirtualList
        label="Imported records"
        items={found}
        keyOf={({ index }) => index}
        rowHeight={ROW_HEIGHT}
        render={({ record }) => (
          <p className={styles.row}>
            <span>
              <RecordWords record={record} />
            </span>
            <span className={panel.small}>
              {formatPlural(record.paraphrases, 'paraphrase')}, {formatPlural(record.neighbours, 'neighbour')}
            </span>
          </p>
        )}
      />
    </div>
  );
}

function FaultList({ title, faults }: { title: string; faults: readonly ImportFault[] }) {
  if (faults.length === 0) return null;
  return (
    <>
      <h3>
        {title} ({formatCount(faults.length)})
      </h3>
      <VirtualList
        label={title}
        items={faults}
        keyOf={({ record }) => record}
        rowHeight={ROW_HEIGHT}
        short
        render={({ record, reason }) => (
          <p className={`${panel.fault} ${styles.row}`}>
            Record {record}: {reason}.
          </p>
        )}
      />
    </>
  );
}
