/** A report as one HTML file that needs nothing else. Pure. */
import { formatCount, formatNumber } from '../format.ts';
import type { BenchmarkReport } from '../../worker/benchmark-api.ts';
import type { Cell, Table } from '../shared/table.ts';
import { metricsTable, promptsTable, textsTable } from './report-tables.ts';

const STYLE = `
:root { color-scheme: light dark; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; font: 0.9rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); text-align: left; vertical-align: top; }
.number { text-align: right; }
.scroll { overflow-x: auto; }
`;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function cellHtml(cell: Cell): string {
  if (typeof cell === 'number') return `<td class="number">${formatNumber(cell)}</td>`;
  const text = cell === null ? '–' : typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : cell;
  return `<td>${escaped(text)}</td>`;
}

function tableHtml({ columns, rows }: Table): string {
  const head = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`).join('\n');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

export function reportHtml(report: BenchmarkReport): string {
  const { title, model, patches, cases, edits } = report;
  const what =
    edits > 0
      ? `${formatCount(edits)} edits in one run`
      : patches.length === 0
        ? 'the unedited model'
        : 'the model as it was';
  const texts = textsTable(report);
  const names = patches.length === 0 ? '' : ` Patches: ${escaped(patches.join(', '))}.`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)} – ${escaped(model)}</title>
<style>${STYLE}</style>
<h1>${escaped(title)}</h1>
<p>${escaped(model)}, ${formatCount(cases.length)} records, ${what}.${names}</p>
<h2>Metrics</h2>
${tableHtml(metricsTable(report))}
<h2>Prompts</h2>
${tableHtml(promptsTable(report))}
${texts.rows.length === 0 ? '' : `<h2>Texts</h2>\n${tableHtml(texts)}`}
</html>
`;
}
