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

/** A table of GitHub's Markdown. */
export function toMarkdown({ columns, rows }: Table): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.map(markdownCell).join(' | ')} |\n`;
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] !== 'string'));
  return line(columns) + line(numeric.map((isNumber) => (isNumber ? '---:' : '---'))) + rows.map(line).join('');
}

function markdownCell(cell: Cell): string {
  if (cell === null) return '';
  // Backslashes first: those that are put before others must stay.
  return String(cell)
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replace(/\s*[\r\n]+\s*/g, ' ');
}

/** A list of objects keyed by column. */
export function toJson(table: Table): string {
  const rows = table.rows.map((row) => Object.fromEntries(table.columns.map((name, i) => [name, row[i] ?? null])));
  return `${JSON.stringify(rows, null, 2)}\n`;
}
