/** The table behind a picture: folded away, with its numbers to copy or save. */
import { useState } from 'react';
import { formatNumber } from '../format.ts';
import { Button } from './Button.tsx';
import { saveFile } from './save-file.ts';
import { toCsv, toJson, type Cell, type Table } from './table.ts';
import styles from './TableDetails.module.css';

interface TableDetailsProps {
  /** Names the table and its files. */
  name: string;
  table: Table;
  /** On the fold; "Show as table" when absent. */
  summary?: string;
}

function showCell(cell: Cell): string {
  if (cell === null) return '–';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return typeof cell === 'number' ? formatNumber(cell) : cell;
}

/** Buttons that copy or save the table's exact numbers. */
export function TableActions({ name, table }: TableDetailsProps) {
  const [copied, setCopied] = useState<string | null>(null);
  const file = name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');

  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(toCsv(table));
      setCopied('Copied.');
    } catch {
      setCopied('This browser does not let the page copy: save the file instead.');
    }
    setTimeout(() => setCopied(null), 4000);
  }

  return (
    <div className={styles.actions} role="group" aria-label={`Numbers of ${name}`}>
      <Button variant="quiet" icon="copy" onClick={() => void copy()}>
        Copy
      </Button>
      <Button
        variant="quiet"
        icon="down"
        onClick={() => saveFile(`${file}.csv`, new Blob([toCsv(table)], { type: 'text/csv' }))}
      >
        CSV
      </Button>
      <Button
        variant="quiet"
        icon="down"
        onClick={() => saveFile(`${file}.json`, new Blob([toJson(table)], { type: 'application/json' }))}
      >
        JSON
      </Button>
      <span role="status" className={styles.copied}>
        {copied}
      </span>
    </div>
  );
}

export function TableDetails({ name, table, summary = 'Show as table' }: TableDetailsProps) {
  const [open, setOpen] = useState(false);
  return (
    <details className={styles.details} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && (
        <>
          <TableActions name={name} table={table} />
          <div className={styles.scroll} tabIndex={0} role="region" aria-label={name}>
            <table>
              <thead>
                <tr>
                  {table.columns.map((column) => (
                    <th key={column} scope="col">
                      {column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {table.rows.map((row, i) => (
                  <tr key={i}>
                    {row.map((cell, j) => (
                      <td key={j} className={typeof cell === 'number' ? styles.number : undefined}>
                        {showCell(cell)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </details>
  );
}
