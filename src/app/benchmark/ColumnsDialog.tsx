/** Which column of a table holds what, where the names do not tell or are to be read otherwise. */
import { useId, useState } from 'react';
import type { ColumnMapping, TableField } from '../../worker/benchmark-api.ts';
import { Button } from '../shared/Button.tsx';
import { FailureNotice } from '../shared/FailureNotice.tsx';
import { Modal } from '../shared/Modal.tsx';
import panel from '../shared/Panel.module.css';
import { useStore } from '../store/index.ts';
import { isComplete, type RecordTable } from '../store/records.ts';
import styles from './ColumnsDialog.module.css';

const FIELDS: readonly { id: TableField; name: string }[] = [
  { id: 'subject', name: 'Subject' },
  { id: 'prompt', name: 'Prompt' },
  { id: 'relation', name: 'Relation' },
  { id: 'targetNew', name: 'New object' },
  { id: 'targetTrue', name: 'True object' },
  { id: 'paraphrases', name: 'Paraphrase' },
  { id: 'neighbours', name: 'Neighbour' },
  { id: 'neighbourTruth', name: 'Answer of the neighbour' },
  { id: 'caseId', name: 'Case number' },
];

export function ColumnsDialog() {
  const table = useStore((state) => state.mappedTable);
  const ask = useStore((state) => state.askForColumns);
  return (
    <Modal
      open={table !== null}
      onOpenChange={(open) => {
        if (!open) ask(null);
      }}
      title="Columns"
      description="Say what the columns of the table hold. A subject, a new object, and a prompt or a relation of the model are needed."
    >
      {table && <ColumnsForm key={table.name} table={table} />}
    </Modal>
  );
}

const SHOWN_CHARACTERS = 40;

function shortened(value: string): string {
  return value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value;
}

function ColumnsForm({ table }: { table: RecordTable }) {
  const id = useId();
  const [mapping, setMapping] = useState<ColumnMapping>(table.mapping);
  const failure = useStore((state) => state.importFailure);
  const mapColumns = useStore((state) => state.mapColumns);
  const { columns, values } = table.columns;

  function choose(field: TableField, column: string): void {
    setMapping({ ...mapping, [field]: column === '' ? undefined : column });
  }

  return (
    <form
      className={panel.stack}
      onSubmit={(event) => {
        event.preventDefault();
        void mapColumns(mapping);
      }}
    >
      <p className={panel.small}>
        The first record: {columns.map((column) => `${column} “${shortened(values[column])}”`).join(', ')}.
      </p>
      <div className={styles.fields}>
        {FIELDS.map(({ id: field, name }) => {
          const column = mapping[field];
          return (
            <div key={field} className={styles.field}>
              <label htmlFor={`${id}-${field}`}>{name}</label>
              <select
                id={`${id}-${field}`}
                className={panel.input}
                value={column ?? ''}
                onChange={(event) => choose(field, event.target.value)}
              >
                <option value="">none</option>
                {columns.map((each) => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>
              <span className={`${panel.small} ${styles.value}`}>{column === undefined ? '' : values[column]}</span>
            </div>
          );
        })}
      </div>
      {failure && <FailureNotice title="The records could not be read." failure={failure} />}
      <div>
        <Button variant="primary" type="submit" disabled={!isComplete(mapping)}>
          Read these records
        </Button>
      </div>
    </form>
  );
}
