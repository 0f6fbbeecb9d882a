/** Extensions of the files that records and reference texts come in. */
export const TABLE_FILES = '.json,.jsonl,.csv,.tsv,.txt';
