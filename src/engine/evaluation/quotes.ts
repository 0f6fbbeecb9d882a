/** Quotation marks in tables that do not quote a field: `"Loud Al" Smith`, or one that is never closed. */

export interface QuotedTable {
  /** The table with such fields quoted as RFC 4180 wants it. */
  readonly text: string;
  /** Which records of the table, the header among them, held one. */
  readonly repaired: ReadonlySet<number>;
}

/**
 * A mark at the start of a field quotes it when the mark that closes it ends the field; any other is part of what the field holds. Parsers take it for
 * the beginning of a field that goes on over the next lines.
 */
export function withLiteralQuotes(table: string, delimiter: string): QuotedTable {
  const parts: string[] = [];
  const repaired = new Set<number>();
  let record = 0;
  let at = 0;
  while (at < table.length) {
    let end = quotedEnd(table, at, delimiter);
    if (end === null) {
      end = fieldEnd(table, at, delimiter);
      const field = table.slice(at, end);
      if (field.startsWith('"')) {
        repaired.add(record);
        parts.push(`"${field.replaceAll('"', '""')}"`);
      } else parts.push(field);
    } else parts.push(table.slice(at, end));
    // The delimiter, or the end of the line.
    const next = table.startsWith('\r\n', end) ? end + 2 : end + 1;
    if (end < table.length && table[end] !== delimiter) record += 1;
    parts.push(table.slice(end, next));
    at = next;
  }
  return { text: parts.join(''), repaired };
}

function endsField(table: string, at: number, delimiter: string): boolean {
  return at >= table.length || table[at] === delimiter || table[at] === '\n' || table[at] === '\r';
}

/** The end of the field that begins with a quotation mark here and is closed by one; null where it is not. */
function quotedEnd(table: string, start: number, delimiter: string): number | null {
  if (table[start] !== '"') return null;
  for (let at = table.indexOf('"', start + 1); at >= 0; at = table.indexOf('"', at + 1)) {
    // Two in a row are one that the field holds.
    if (table[at + 1] === '"') at += 1;
    else return endsField(table, at + 1, delimiter) ? at + 1 : null;
  }
  return null;
}

function fieldEnd(table: string, start: number, delimiter: string): number {
  let at = start;
  while (!endsField(table, at, delimiter)) at += 1;
  return at;
}
