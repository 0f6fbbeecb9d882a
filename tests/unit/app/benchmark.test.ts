/** What the page makes of a benchmark's report: bins, tables, files, and the choice of records. */
import { describe, expect, it } from 'vitest';
import { chosenCases } from '../../../src/app/benchmark/chosen-cases.ts';
import { marginBins, marginTicks } from '../../../src/app/benchmark/margins.ts';
import { reportHtml } from '../../../src/app/benchmark/report-html.ts';
import { metricRows, metricsTable, promptsTable } from '../../../src/app/benchmark/report-tables.ts';
import type { BenchmarkReport, CaseView, PromptGroup, PromptOutcome } from '../../../src/worker/benchmark-api.ts';

function prompt(group: PromptGroup, before: number, after: number): PromptOutcome {
  const answer = (margin: number): PromptOutcome['before'] => ({
    targetNew: 0.25,
    targetTrue: 0.5,
    success: margin > 0,
    margin,
  });
  return { group, prompt: `a ${group} prompt`, before: answer(before), after: answer(after) };
}

function caseOf(subject: string, shares: CaseView['shares'], prompts: PromptOutcome[] = []): CaseView {
  return { caseId: subject, subject, targetNew: 'Rome', targetTrue: 'Paris', prompts, shares };
}

const metric = (mean: number): { mean: number; interval: number; records: number } => ({
  mean,
  interval: 0.01,
  records: 2,
});
const group = (
  mean: number,
): {
  success: ReturnType<typeof metric>;
  magnitude: ReturnType<typeof metric>;
  accuracy: ReturnType<typeof metric>;
} => ({
  success: metric(mean),
  magnitude: metric(mean / 2),
  accuracy: metric(mean / 4),
});

const report: BenchmarkReport = {
  title: '2 <known> facts',
  model: 'demo',
  edits: 2,
  patches: ['first & second'],
  before: { groups: { rewrite: group(0), paraphrase: null, neighborhood: group(1) }, score: null },
  after: { groups: { rewrite: group(1), paraphrase: null, neighborhood: group(0.8) }, score: null },
  cases: [
    caseOf('Zola', { rewrite: 1, paraphrase: null, neighborhood: 0.5 }, [
      prompt('rewrite', -3, 4.2),
      prompt('neighborhood', 2, -0.1),
      prompt('neighborhood', 2, 2),
    ]),
    caseOf('Abel', { rewrite: 1, paraphrase: null, neighborhood: 1 }, [prompt('rewrite', -20, 0)]),
    caseOf('Mann', { rewrite: 0, paraphrase: null, neighborhood: 1 }, [prompt('rewrite', -1, -0.5)]),
  ],
  seconds: 3,
  referenceJson: '{}',
};

describe('margins', () => {
  it('counts every prompt once before and once after, with an edge at zero', () => {
    const bins = marginBins(report, 'rewrite');
    expect(bins.reduce((sum, bin) => sum + bin.before, 0)).toBe(3);
    expect(bins.reduce((sum, bin) => sum + bin.after, 0)).toBe(3);
    // −0.5 lies below zero; 0 and 4.2 do not.
    expect(bins.filter(({ middle }) => middle > 0).reduce((sum, bin) => sum + bin.after, 0)).toBe(2);
    const width = bins[1].middle - bins[0].middle;
    bins.forEach(({ middle }) => expect(Math.abs((middle / width) % 1)).toBeCloseTo(0.5, 6));
    expect(bins.length).toBeLessThan(40);
  });

  it('has no bins without prompts, and round ticks with zero among them', () => {
    expect(marginBins(report, 'paraphrase')).toEqual([]);
    const ticks = marginTicks(marginBins(report, 'rewrite'));
    expect(ticks).toContain(0);
    expect(ticks.length).toBeLessThanOrEqual(9);
  });
});

describe('tables', () => {
  it('has the paper’s metrics in its order, in per cent, with the difference', () => {
    expect(metricRows(report).map(({ name }) => name)).toEqual([
      'ES',
      'PS',
      'NS',
      'EM',
      'PM',
      'NM',
      'EA',
      'PA',
      'NA',
      'S',
    ]);
    const { columns, rows } = metricsTable(report);
    const [es, ps] = rows;
    expect(es[columns.indexOf('after %')]).toBe(100);
    expect(es[columns.indexOf('difference')]).toBe(100);
    expect(ps[columns.indexOf('after %')]).toBeNull();
    expect(rows.at(-1)?.[columns.indexOf('after %')]).toBeNull();
  });

  it('has a row for every prompt', () => {
    const { columns, rows } = promptsTable(report);
    expect(rows).toHaveLength(5);
    expect(rows[1][columns.indexOf('success')]).toBe(false);
  });

  it('goes into an HTML file that needs nothing else and takes no text for markup', () => {
    const html = reportHtml(report);
    expect(html).toContain('2 &lt;known&gt; facts');
    expect(html).toContain('first &amp; second');
    expect(html).not.toMatch(/<known>|<script|src=|href=/);
    expect(html.match(/<tr>/g)).toHaveLength(1 + 10 + 1 + 5);
  });
});

describe('chosenCases', () => {
  const choose = (
    filter: Parameters<typeof chosenCases>[1]['filter'],
    order: 'file' | 'subject' | 'worst',
    search = '',
  ): string[] => chosenCases(report.cases, { search, filter, order }).map(({ view }) => view.subject);

  it('filters by what failed, searches, and sorts', () => {
    expect(choose('all', 'file')).toEqual(['Zola', 'Abel', 'Mann']);
    expect(choose('failed', 'file')).toEqual(['Zola', 'Mann']);
    expect(choose('rewrite', 'file')).toEqual(['Mann']);
    expect(choose('neighborhood', 'file')).toEqual(['Zola']);
    expect(choose('paraphrase', 'file')).toEqual([]);
    expect(choose('all', 'subject')).toEqual(['Abel', 'Mann', 'Zola']);
    expect(choose('all', 'worst')).toEqual(['Mann', 'Zola', 'Abel']);
    expect(choose('all', 'file', 'NEIGHBORHOOD')).toEqual(['Zola']);
  });
});
