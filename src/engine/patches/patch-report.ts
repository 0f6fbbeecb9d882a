/**
 * A run's report in a patch file. Lists of records of numbers (the losses of every step of every edit) are what makes it long: they become
 * tensors, and the rest stays JSON.
 */
import type { TensorToWrite } from '../weights/safetensors-writer.ts';
import { PatchError } from '../errors.ts';

/** A list of records that have the same numeric fields, as a matrix in float64: [records, columns]. */
export interface NumberTable {
  /** The report's field that it is. */
  readonly field: string;
  readonly columns: readonly string[];
  readonly values: Float64Array;
}

const PREFIX = 'report.';

/** Of a report: its tables, and what is left of it. */
export function splitReport(report: unknown): { rest: unknown; tables: NumberTable[] } {
  if (typeof report !== 'object' || report === null || Array.isArray(report)) return { rest: report, tables: [] };
  const tables: NumberTable[] = [];
  const rest = Object.entries(report).filter(([field, value]) => {
    const table = tableOf(field, value);
    if (table) tables.push(table);
    return !table;
  });
  return { rest: Object.fromEntries(rest), tables };
}

/** The report that {@link splitReport} took apart. */
export function joinReport(rest: unknown, tables: readonly NumberTable[]): unknown {
  if (tables.length === 0) return rest;
  const records = tables.map(({ field, columns, values }) => {
    const list = Array.from({ length: values.length / columns.length }, (_, row) =>
      Object.fromEntries(columns.map((column, c) => [column, values[row * columns.length + c]])),
    );
    return [field, list] as const;
  });
  return { ...(rest as object), ...Object.fromEntries(records) };
}

/** A list of one record or more, of the same fields in the same order, all of them finite numbers; null for anything else. */
function tableOf(field: string, value: unknown): NumberTable | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const records: readonly unknown[] = value;
  const [first] = records;
  if (typeof first !== 'object' || first === null) return null;
  const columns = Object.keys(first);
  if (columns.length === 0) return null;
  const values = new Float64Array(records.length * columns.length);
  for (const [row, record] of records.entries()) {
    if (typeof record !== 'object' || record === null) return null;
    const entries: [string, unknown][] = Object.entries(record);
    if (entries.length !== columns.length) return null;
    for (const [c, [name, number]] of entries.entries()) {
      if (name !== columns[c] || typeof number !== 'number' || !Number.isFinite(number)) return null;
      values[row * columns.length + c] = number;
    }
  }
  return { field, columns, values };
}

export function tableTensor({ field, columns, values }: NumberTable): TensorToWrite {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat64(8 * i, value, true);
  });
  return {
    name: PREFIX + field,
    dtype: 'F64',
    shape: [values.length / columns.length, columns.length],
    bytes: () => bytes,
  };
}

/** What a description says of a table: its tensor, before the numbers are read. */
export function tableForm(field: string, rows: number, columns: readonly string[]) {
  return { name: PREFIX + field, dtype: 'F64', shape: [rows, columns.length] } as const;
}

/** @throws PatchError where a number is none */
export function tableFrom(field: string, columns: readonly string[], bytes: Uint8Array): NumberTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
  if (!values.every(Number.isFinite)) {
    throw new PatchError(`The patch’s report holds a number that is not finite, in “${field}”.`);
  }
  return { field, columns, values };
}
