/** The table behind a picture: folded away, with its numbers to copy or save. */
import { useMemo, useState } from 'react';
import { formatCount, formatNumber } from '../format.ts';
import { Button } from './Button.tsx';
import { saveFile } from './save-file.ts';
import { toCsv, toJson, toMarkdown, type Cell, type Table } from './table.ts';
import styles from './TableDetails.module.css';

interface TableActionsProps {
  /** Names the table and its files. */
  name: string;
  table: Table;
}

interface TableDetailsProps {
  name: string;
  /** Or what makes it, where that takes long: asked when it is unfolded. */
  table: Table | (() => Table);
  /** On the fold; "Show as table" when absent. */
  summary?: string;
}

/** More would keep the page waiting. */
const SHOWN_ROWS = 1000;

function showCell(cell: Cell): string {
  if (cell === null) return '–';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return typeof cell === 'number' ? formatNumber(cell) : cell;
}

/** Buttons that copy or save the table's exact numbers. */
export function TableActions({ name, table }: TableActionsProps) {
  const [copied, setCopied] = useState<string | null>(null);
  const file = name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');

  async function copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setCopied('Copied.');
    } catch {
      setCopied('This browser does not let the page copy: save the file instead.');
    }
    setTimeout(() => setCopied(null), 4000);
  }

  return (
    <div className={styles.actions} role="group" aria-label={`Numbers of ${name}`}>
      <Button variant="quiet" icon="copy" onClick={() => void copy(toCsv(table))}>
        Copy
      </Button>
      <Button
        variant="quiet"
        icon="copy"
        title="Copy as a table of Markdown"
        onClick={() => void copy(toMarkdown(table))}
      >
        Markdown
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

export function TableDetails({ name, table: given, summary = 'Show as table' }: TableDetailsProps) {
  const [open, setOpen] = useState(false);
  const table = useMemo(() => (open ? (typeof given === 'function' ? given() : given) : null), [open, given]);
  return (
    <details className={styles.details} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {table && (
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
                {table.rows.slice(0, SHOWN_ROWS).map((row, i) => (
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
          {table.rows.length > SHOWN_ROWS && (
            <p>
              The first {formatCount(SHOWN_ROWS)} of {formatCount(table.rows.length)} rows are shown; what is copied or
              saved has all of them.
            </p>
          )}
        </>
      )}
    </details>
  );
}
