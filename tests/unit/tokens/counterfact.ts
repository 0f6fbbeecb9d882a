/** CounterFact's edits as the repository has them: one row a prompt, its subject filled in. */
import { readText } from './demo.ts';

export const COUNTERFACT = 'tools/demo-model/data/counterfact.csv';

export interface CounterfactRow {
  readonly caseId: number;
  readonly subject: string;
  /** With {} in place of the subject. */
  readonly template: string;
  readonly targetTrue: string;
  readonly targetNew: string;
}

export function readCounterfact(): CounterfactRow[] {
  const [header, ...lines] = readText(COUNTERFACT).trimEnd().split('\n').map(fieldsOf);
  return lines.map((fields) => {
    const row = Object.fromEntries(header.map((name, i) => [name, fields[i]]));
    return {
      caseId: Number(row.case_id),
      subject: row.subject,
      template: row.prompt.replace(row.subject, () => '{}'),
      targetTrue: row.target_true,
      targetNew: row.target_new,
    };
  });
}

/** The fields of one line of the file, in which no field holds a line break. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => (quoted as string | undefined)?.replaceAll('""', '"') ?? plain,
  );
}
