/** The comparison as one table: a row per judged prompt. Pure. */
import type { ComparisonReport } from '../../worker/api.ts';
import type { Table } from '../shared/table.ts';

export function resultTable(report: ComparisonReport): Table {
  const rows: Table['rows'] = [];
  report.edits.forEach((edit, i) => {
    rows.push([
      i + 1,
      'edit',
      edit.subject,
      edit.prompt,
      edit.object,
      edit.objectProbabilityBefore,
      edit.objectProbabilityAfter,
      edit.before[0]?.token ?? null,
      edit.after[0]?.token ?? null,
      edit.pass,
    ]);
    for (const [kind, judged] of [
      ['paraphrase', edit.paraphrases],
      ['neighbour', edit.neighbours],
    ] as const) {
      for (const prompt of judged) {
        rows.push([
          i + 1,
          kind,
          prompt.subject,
          prompt.prompt,
          prompt.wanted,
          prompt.wantedProbabilityBefore,
          prompt.wantedProbabilityAfter,
          prompt.before[0]?.token ?? null,
          prompt.after[0]?.token ?? null,
          prompt.pass,
        ]);
      }
    }
  });
  return {
    columns: ['edit', 'kind', 'subject', 'prompt', 'wanted', 'P before', 'P after', 'top before', 'top after', 'pass'],
    rows,
  };
}
