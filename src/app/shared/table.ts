/** Tables as data, and as the CSV and JSON that are copied and saved. Pure. */

export type Cell = string | number | boolean | null;

export interface Table {
  columns: string[];
  rows: Cell[][];
}

/** What spreadsheets take for a formula, which may read files and ask servers. */
const FORMULA = /^[=+\-@\t\r]/;

function csvCell(cell: Cell): string {
  const plain = cell === null ? '' : String(cell);
  // A text with an apostrophe before it stays a text there (OWASP, CSV injection); a number is none.
  const text = typeof cell === 'string' && FORMULA.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180, with a header line. Texts that begin as formulas do get an apostrophe before them. */
export function toCsv(table: Table): string {
  return [table.columns, ...table.rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

/** A list of objects keyed by column. */
export function toJson(table: Table): string {
  const rows = table.rows.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, row[i] ?? null])));
  return `${JSON.stringify(rows, null, 2)}\n`;
}
