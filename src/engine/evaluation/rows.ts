/** The entries of a data file: a JSON list, JSON lines, or a table with a header line (CSV, TSV). */
import Papa from 'papaparse';
import { EngineError } from '../errors.ts';

/**
 * A line of JSON that cannot be read is an Error in its place.
 * @throws EngineError ('input') when the text is none of these forms
 */
export function rowsOf(file: string): unknown[] {
  const content = file.replace(/^\uFEFF/, '').trim();
  if (content === '') return [];
  if (content.startsWith('[')) {
    const list = parsed(content);
    if (list instanceof Error) throw new EngineError('input', `This is no JSON: ${list.message}.`);
    return list as unknown[];
  }
  if (content.startsWith('{')) {
    const whole = parsed(content);
    if (!(whole instanceof Error)) return [whole];
    return content
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .map(parsed);
  }
  const { data, meta } = Papa.parse<Record<string, string>>(content, { header: true, skipEmptyLines: 'greedy' });
  if ((meta.fields?.length ?? 0) < 2) {
    throw new EngineError('input', 'This is neither JSON nor a table with a header line.');
  }
  return data;
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
