/**
 * The entries of a data file: a JSON list, JSON lines, or a table with a header line (CSV, TSV). What is repaired or cannot be read is told
 * by entry.
 */
import Papa from 'papaparse';
import { EngineError } from '../errors.ts';
import { messageOf } from '../text.ts';
import { literalOf } from './literals.ts';
import { withLiteralQuotes } from './quotes.ts';

export type Row =
  | {
      readonly value: unknown;
      /** What was repaired or guessed, or null. */
      readonly note: string | null;
    }
  | { readonly fault: string };

/** @throws EngineError ('input') when the text is none of these forms */
export function rowsOf(file: string): Row[] {
  const content = file.replace(/^\uFEFF/, '').trim();
  if (content === '') return [];
  if (content.startsWith('[')) {
    const list = parsed(content);
    if ('fault' in list) throw new EngineError('input', `This is no JSON: ${list.fault}.`);
    return (list.value as unknown[]).map((value) => ({ value, note: null }));
  }
  if (content.startsWith('{')) {
    const whole = parsed(content);
    if ('value' in whole) return [whole];
    return content
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .map(parsed)
      .map((line) => ('fault' in line ? { fault: `this line is no JSON (${line.fault})` } : line));
  }
  return tableRows(content);
}

/** Not-a-number and infinities, which Python writes and JSON does not know, beside the strings that may hold their names. */
const STRING_OR_NOT_A_NUMBER = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;

function parsed(content: string): Row {
  try {
    return { value: JSON.parse(content) as unknown, note: null };
  } catch (error) {
    const finite = content.replace(STRING_OR_NOT_A_NUMBER, (part) => (part.startsWith('"') ? part : 'null'));
    if (finite !== content) {
      try {
        return { value: JSON.parse(finite) as unknown, note: null };
      } catch {
        // It is told what was wrong with the text as it came.
      }
    }
    return { fault: messageOf(error) };
  }
}

/** Excel's line that names the delimiter. */
const DELIMITER_LINE = /^"?sep=(.)"?\r?\n/i;

function tableRows(content: string): Row[] {
  const named = DELIMITER_LINE.exec(content);
  const table = named ? content.slice(named[0].length) : content;
  const delimiter = named?.[1] ?? Papa.parse(table, { preview: 10 }).meta.delimiter;
  const { text, repaired } = withLiteralQuotes(table, delimiter);
  const { data } = Papa.parse<string[]>(text, { delimiter });
  const lines = data.map((fields, line) => ({ fields, line })).filter(({ fields }) => fields.some(isFilled));
  const [header, ...entries] = lines.length === 0 ? [{ fields: [], line: 0 }] : lines;
  if (header.fields.length < 2) {
    throw new EngineError('input', 'This is neither JSON nor a table with a header line.');
  }
  const names = uniqueNames(header.fields);
  return entries.map(({ fields, line }): Row => {
    if (fields.slice(names.length).some(isFilled)) {
      return {
        fault: `it has ${fields.length} fields and the table ${names.length} columns (a comma in a field wants quotation marks around it)`,
      };
    }
    const value = Object.fromEntries(names.map((name, i) => [name, literalOf(fields[i] ?? '')]));
    const missing = names.length - fields.length;
    const notes = [
      ...(missing > 0
        ? [`it has ${missing} ${missing === 1 ? 'field' : 'fields'} fewer than the table has columns`]
        : []),
      ...(repaired.has(line) ? ['a quotation mark at the start of a field is taken as part of it'] : []),
    ];
    return { value, note: notes.length === 0 ? null : notes.join('; ') };
  });
}

function isFilled(field: string): boolean {
  return field.trim() !== '';
}

/** Columns of the same name are numbered: none hides another. */
function uniqueNames(header: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return header.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}
