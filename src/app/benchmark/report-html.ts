/** A report as one HTML file that needs nothing else. Pure. */
import { formatCount, formatNumber } from '../format.ts';
import type { BenchmarkReport } from '../../worker/benchmark-api.ts';
import { escapeMarkup } from '../shared/markup.ts';
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

function cellHtml(cell: Cell): string {
  if (typeof cell === 'number') return `<td class="number">${formatNumber(cell)}</td>`;
  const text = cell === null ? '–' : typeof cell === 'boolean' ? (cell ? 'yes' : 'no') : cell;
  return `<td>${escapeMarkup(text)}</td>`;
}

function tableHtml({ columns, rows }: Table): string {
  const head = columns.map((column) => `<th scope="col">${escapeMarkup(column)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`).join('\n');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** All that is needed to measure the same again. */
function circumstances(report: BenchmarkReport): string {
  const { model, modelHash, measuredAt, method, settings, leftOut, seconds, backend, seed } = report;
  const set = Object.entries(settings ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const rows: Cell[][] = [
    ['model', model],
    ['SHA-256 of its config and weights', modelHash.replace(/^sha256:/, '')],
    ['measured', measuredAt],
    ['in seconds', seconds],
    ['on', backend],
    ['seed of the draws', seed],
    ['method', method],
    ['settings', set.length === 0 ? null : set.join(', ')],
    [
      'not asked',
      leftOut.length === 0 ? null : leftOut.map(({ caseId, reason }) => `case ${caseId}: ${reason}`).join('; '),
    ],
  ];
  return tableHtml({ columns: ['', ''], rows: rows.filter(([, value]) => value !== null) });
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
  const names = patches.length === 0 ? '' : ` Patches: ${escapeMarkup(patches.join(', '))}.`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(title)} – ${escapeMarkup(model)}</title>
<style>${STYLE}</style>
<h1>${escapeMarkup(title)}</h1>
<p>${escapeMarkup(model)}, ${formatCount(cases.length)} records, ${what}.${names}</p>
<h2>Circumstances</h2>
${circumstances(report)}
<h2>Metrics</h2>
<p>Per cent, with the ends of the 95 % intervals over the records, of shares Wilson’s.</p>
${tableHtml(metricsTable(report))}
<h2>Prompts</h2>
${tableHtml(promptsTable(report))}
${texts.rows.length === 0 ? '' : `<h2>Texts</h2>\n${tableHtml(texts)}`}
</html>
`;
}
