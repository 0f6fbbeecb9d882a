/** Columns of tables, and fields of flat records: the names that they go by, and which of them are taken for what. */

/**
 * Names that the columns of tables and the fields of flat records go by: EasyEdit's, the flattened CounterFact's, and what people
 * write over columns. Lower case, words joined by underscores.
 */
const COLUMN_NAMES = {
  subject: ['subject', 'entity'],
  prompt: ['prompt', 'template', 'question'],
  relation: ['relation', 'relation_id', 'relationid', 'predicate', 'property'],
  targetNew: ['target_new', 'targetnew', 'object', 'new', 'new_object', 'target', 'edit'],
  targetTrue: ['target_true', 'ground_truth', 'true', 'true_object', 'old', 'old_object', 'answer'],
  paraphrases: ['paraphrase_prompts', 'rephrase_prompt', 'rephrase', 'paraphrase', 'paraphrases'],
  neighbours: [
    'neighborhood_prompts',
    'locality_prompt',
    'neighborhood',
    'neighbourhood',
    'neighbours',
    'neighbors',
    'neighbour',
    'neighbor',
  ],
  neighbourTruth: ['locality_ground_truth', 'neighbour_answer', 'neighbor_answer'],
  caseId: ['case_id', 'id', 'caseid'],
} as const;

export type TableField = keyof typeof COLUMN_NAMES;
export const TABLE_FIELDS = Object.keys(COLUMN_NAMES) as TableField[];

/** Which column each field is read from. */
export type ColumnMapping = Partial<Record<TableField, string>>;

export interface TableColumns {
  readonly columns: readonly string[];
  /** The first record's, as text. */
  readonly values: Readonly<Record<string, string>>;
  /** By the names of the columns. */
  readonly mapping: ColumnMapping;
}

/** The column of each field, by name. */
export function mappingOf(entry: Record<string, unknown>): ColumnMapping {
  const columns = new Map(
    Object.keys(entry).map((column) => [
      column
        .trim()
        .toLowerCase()
        .replaceAll(/[\s-]+/g, '_'),
      column,
    ]),
  );
  const found = TABLE_FIELDS.map((field) => {
    const names: readonly string[] = COLUMN_NAMES[field];
    return [field, names.map((name) => columns.get(name)).find((column) => column !== undefined)] as const;
  });
  return Object.fromEntries(found.filter(([, column]) => column !== undefined));
}
