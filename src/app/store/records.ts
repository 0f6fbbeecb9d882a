/** Which records a benchmark asks: known facts, or those of a file; and the texts that what the model writes is compared with. */
import type { WorkerFailure } from '../../worker/api.ts';
import type {
  ColumnMapping,
  RecordSetView,
  RecordSource,
  ReferenceSetView,
  TableColumns,
} from '../../worker/benchmark-api.ts';
import { toFailure } from '../../worker/client.ts';
import { call } from './connection.ts';
import type { Slice, Store } from './index.ts';

/** Numbers of known facts that are offered. */
export const KNOWN_COUNTS = ['1', '10', '100'] as const;
/** What is measured: so many known facts, or the imported records. */
export type BenchmarkChoice = (typeof KNOWN_COUNTS)[number] | 'imported';

/** Of imported records: a run of thousands is not begun unasked. */
const USED_AT_FIRST = 100;

/** A table, and which of its columns are taken for what. */
export interface RecordTable {
  name: string;
  text: string;
  columns: TableColumns;
  mapping: ColumnMapping;
}

export interface RecordsSlice {
  benchmarkChoice: BenchmarkChoice;
  /** As typed; draws the known facts. */
  benchmarkSeed: string;
  imported: RecordSetView | null;
  /** As typed: how many of them are used. */
  importedCount: string;
  /** Where they came from, if from a table. */
  importedTable: RecordTable | null;
  /** The table whose columns are being asked for. */
  mappedTable: RecordTable | null;
  importFailure: WorkerFailure | null;
  references: ReferenceSetView | null;
  referencesFailure: WorkerFailure | null;
  chooseBenchmark(choice: BenchmarkChoice): void;
  setBenchmarkSeed(seed: string): void;
  setImportedCount(count: string): void;
  /** Reads records; asks for the columns of a table whose names do not tell what they hold. */
  importRecords(name: string, text: string): Promise<void>;
  askForColumns(table: RecordTable | null): void;
  /** Reads the table by a mapping; it stays open when that fails. */
  mapColumns(mapping: ColumnMapping): Promise<void>;
  importReferences(name: string, text: string): Promise<void>;
}

/** Whether a mapping has what a record needs. */
export function isComplete({ subject, prompt, relation, targetNew }: ColumnMapping): boolean {
  return subject !== undefined && targetNew !== undefined && (prompt ?? relation) !== undefined;
}

/** The seed as a number, or what is wrong with it. */
export function parseSeed(text: string): number | string {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : 'The seed is a whole number from 0 to 999,999,999.';
}

/** How many of `count` records, or what is wrong with the number. */
export function parseCount(text: string, count: number): number | string {
  const wanted = /^\d+$/.test(text.trim()) ? Number(text) : NaN;
  return wanted >= 1 && wanted <= count ? wanted : `Use from 1 to ${count.toLocaleString('en-US')} records.`;
}

/** Why there are no records to measure, in words, or null. */
export function recordsDisabledReason({
  benchmarkChoice,
  benchmarkSeed,
  imported,
  importedCount,
}: Store): string | null {
  if (benchmarkChoice === 'imported') {
    if (!imported) return 'Import a file of records first.';
    const count = parseCount(importedCount, imported.records.length);
    if (typeof count === 'string') return count;
    if (count === imported.records.length) return null;
  }
  const seed = parseSeed(benchmarkSeed);
  return typeof seed === 'string' ? seed : null;
}

export function sourceOf({ benchmarkChoice, benchmarkSeed, importedCount }: Store): RecordSource {
  const imported = benchmarkChoice === 'imported';
  return {
    kind: imported ? 'imported' : 'known',
    count: Number(imported ? importedCount : benchmarkChoice),
    seed: Number(benchmarkSeed),
  };
}

export const createRecordsSlice: Slice<RecordsSlice> = (set, get) => {
  async function read(name: string, text: string, table: RecordTable | null): Promise<void> {
    const imported = await call('importRecords', name, text, table?.mapping ?? null);
    const { length } = imported.records;
    const importedCount = String(Math.min(length, USED_AT_FIRST));
    set({ imported, importedCount, importedTable: table, mappedTable: null, benchmarkChoice: 'imported' });
    get().announce(`${length} records are read.`);
  }

  return {
    benchmarkChoice: '10',
    benchmarkSeed: '0',
    imported: null,
    importedCount: '',
    importedTable: null,
    mappedTable: null,
    importFailure: null,
    references: null,
    referencesFailure: null,

    chooseBenchmark(benchmarkChoice) {
      set({ benchmarkChoice });
    },
    setBenchmarkSeed(benchmarkSeed) {
      set({ benchmarkSeed });
    },

    setImportedCount(importedCount) {
      set({ importedCount });
    },

    async importRecords(name, text) {
      set({ importFailure: null });
      try {
        const columns = await call('tableColumns', text);
        const table = columns && { name, text, columns, mapping: columns.mapping };
        if (table && !isComplete(table.mapping)) set({ mappedTable: table });
        else await read(name, text, table);
      } catch (error) {
        set({ importFailure: toFailure(error) });
      }
    },

    askForColumns(mappedTable) {
      set({ mappedTable, importFailure: null });
    },

    async mapColumns(mapping) {
      const table = get().mappedTable;
      if (!table) return;
      set({ importFailure: null });
      try {
        await read(table.name, table.text, { ...table, mapping });
      } catch (error) {
        set({ importFailure: toFailure(error) });
      }
    },

    async importReferences(name, text) {
      set({ referencesFailure: null });
      try {
        const references = await call('importReferences', name, text);
        set({ references });
        get().announce(`${references.texts} reference texts are read.`);
      } catch (error) {
        set({ referencesFailure: toFailure(error) });
      }
    },
  };
};
