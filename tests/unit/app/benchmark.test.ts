/** What the page makes of a benchmark's report: bins, tables, files, and the choice of records. */
import { describe, expect, it } from 'vitest';
import { chosenCases } from '../../../src/app/benchmark/chosen-cases.ts';
import { marginBins, marginTicks } from '../../../src/app/benchmark/margins.ts';
import { reportHtml } from '../../../src/app/benchmark/report-html.ts';
import { metricRows, metricsTable, promptsTable, textsTable } from '../../../src/app/benchmark/report-tables.ts';
import {
  comparisonTable,
  differingCases,
  differingSettings,
  pairedCounts,
  reportName,
} from '../../../src/app/benchmark/compare-reports.ts';
import type {
  BenchmarkReport,
  CaseView,
  GroupMetrics,
  Metric,
  PromptGroup,
  PromptOutcome,
} from '../../../src/worker/benchmark-api.ts';
import { MEMIT, NUDGE } from './fixtures/methods.ts';

function prompt(group: PromptGroup, before: number, after: number): PromptOutcome {
  const answer = (margin: number): PromptOutcome['before'] => ({
    targetNew: 0.25,
    targetTrue: 0.5,
    success: margin > 0,
    correct: { tokens: 0, of: 1 },
    margin,
  });
  return {
    group,
    prompt: `a ${group} prompt`,
    targetNew: 'Rome',
    targetTrue: 'Paris',
    before: answer(before),
    after: answer(after),
  };
}

function caseOf(subject: string, shares: CaseView['shares'], prompts: PromptOutcome[] = []): CaseView {
  return { caseId: subject, subject, targetNew: 'Rome', targetTrue: 'Paris', prompts, texts: null, shares };
}

const metric = (mean: number): Metric => ({ mean, interval: 0.01, low: mean - 0.02, high: mean + 0.03, records: 2 });
const group = (mean: number): GroupMetrics => ({
  success: metric(mean),
  magnitude: metric(mean / 2),
  accuracy: metric(mean / 4),
  tokenAccuracy: metric(mean / 3),
});

const report: BenchmarkReport = {
  title: '2 <known> facts',
  model: 'demo',
  modelHash: 'sha256:ab12',
  measuredAt: '2026-01-02T03:04:05.000Z',
  backend: 'WebAssembly',
  seed: 7,
  method: 'memit',
  edits: 2,
  settings: null,
  patches: ['first & second'],
  before: { groups: { rewrite: group(0), paraphrase: null, neighborhood: group(1) }, score: null, texts: null },
  after: { groups: { rewrite: group(1), paraphrase: null, neighborhood: group(0.8) }, score: null, texts: null },
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
  caseFiles: [],
  leftOut: [],
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
    expect(html).toContain('<td>ab12</td>');
    expect(html).toContain('<td>2026-01-02T03:04:05.000Z</td>');
    // Model, hash, date, time, method; ten metrics; five prompts; their heads.
    expect(html.match(/<tr>/g)).toHaveLength(3 + 7 + 10 + 5);
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

describe('a report of zsRE', () => {
  const tokens = (mean: number): GroupMetrics => ({ ...group(mean), success: null, magnitude: null });
  const zsre: BenchmarkReport = {
    ...report,
    before: {
      groups: { rewrite: tokens(0), paraphrase: tokens(0), neighborhood: tokens(0.3) },
      score: metric(0),
      texts: null,
    },
    after: {
      groups: { rewrite: tokens(0.9), paraphrase: tokens(0.6), neighborhood: tokens(0.3) },
      score: metric(0.2),
      texts: null,
    },
  };

  it('has its three metrics in place of those of two objects', () => {
    expect(metricRows(zsre).map(({ name }) => name)).toEqual([
      'EA',
      'PA',
      'NA',
      'efficacy',
      'paraphrase',
      'specificity',
      'S',
    ]);
    const { columns, rows } = metricsTable(zsre);
    expect(rows[3][columns.indexOf('after %')]).toBeCloseTo(30, 12);
  });
});

describe('a report with texts', () => {
  const texts = (consistency: number | null): NonNullable<BenchmarkReport['before']['texts']> => ({
    fluency: metric(6),
    consistency: consistency === null ? null : metric(consistency),
  });
  const written: BenchmarkReport = {
    ...report,
    before: { ...report.before, texts: texts(null) },
    after: report.after && { ...report.after, texts: texts(null) },
    cases: [
      {
        ...report.cases[0],
        texts: {
          before: { texts: ['Zola was', 'Zola is'], fluency: 6, consistency: null },
          after: { texts: ['Zola lives', 'Zola <dies>'], fluency: 6, consistency: null },
        },
      },
    ],
  };

  it('has GE in hundredths of a bit, and no RS where it is not known', () => {
    const { columns, rows } = metricsTable(written);
    const [ge, rs] = rows.slice(-2);
    expect(ge[0]).toBe('GE');
    expect(ge[columns.indexOf('after %')]).toBe(600);
    expect(rs.slice(2, 6)).toEqual([null, null, null, null]);
  });

  it('takes the texts along', () => {
    expect(textsTable(written).rows).toEqual([
      ['Zola', 'Zola', 'Zola was', 'Zola lives'],
      ['Zola', 'Zola', 'Zola is', 'Zola <dies>'],
    ]);
    expect(reportHtml(written)).toContain('Zola &lt;dies&gt;');
  });
});

describe('two reports', () => {
  const settings = {
    layers: [1, 2],
    steps: 25,
    learningRate: 0.5,
    weightDecay: 0.5,
    clampNormFactor: 4,
    klFactor: 0.06,
    covarianceWeight: 200,
    seed: 0,
  };
  const numbered = (number: number, edited: BenchmarkReport) => ({ number, report: edited, method: MEMIT });
  const first: BenchmarkReport = { ...report, settings };
  const second: BenchmarkReport = {
    ...report,
    settings: { ...settings, layers: [3], covarianceWeight: 50 },
    after: report.after && { ...report.after, groups: { ...report.after.groups, rewrite: group(0.5) } },
    cases: report.cases.map((view, i) =>
      i === 0 ? { ...view, prompts: [prompt('rewrite', -3, -1), ...view.prompts.slice(1)] } : view,
    ),
  };

  it('are told apart by name and by the settings that differ', () => {
    expect(reportName(numbered(3, second))).toBe('3. 2 <known> facts: edited, layers 3, λ 50');
    expect(reportName({ number: 1, report, method: null })).toContain('with first & second');
    expect(differingSettings(numbered(1, first), numbered(2, second))).toEqual([
      { name: 'layers', first: '1, 2', second: '3' },
      { name: 'λ', first: '200', second: '50' },
    ]);
    expect(differingSettings(numbered(1, first), { number: 2, report, method: null })).toEqual([]);
  });

  it('are told apart by their methods, where there are several', () => {
    const nudged = { number: 2, report: { ...report, settings: { force: 2, places: [1, 2] } }, method: NUDGE };
    expect(reportName(nudged, true)).toBe('2. 2 <known> facts: edited with Nudge, places 1, 2');
    expect(differingSettings(numbered(1, { ...report, settings: { ...settings, seed: 3 } }), nudged)).toEqual([
      { name: 'method', first: 'MEMIT', second: 'Nudge' },
      { name: 'layers', first: '1, 2', second: '–' },
      { name: 'steps', first: '25', second: '–' },
      { name: 'learning rate', first: '0.5', second: '–' },
      { name: 'weight decay', first: '0.5', second: '–' },
      { name: 'clamp', first: '4', second: '–' },
      { name: 'KL factor', first: '0.06', second: '–' },
      { name: 'λ', first: '200', second: '–' },
      { name: 'seed', first: '3', second: '–' },
      { name: 'force', first: '–', second: '2' },
      { name: 'places', first: '–', second: '1, 2' },
    ]);
  });

  it('have their metrics side by side', () => {
    const { columns, rows } = comparisonTable(first, second);
    expect(rows[0].slice(0, 3)).toEqual(['ES', 'Edits', 100]);
    expect(rows[0][columns.indexOf('difference')]).toBe(-50);
  });

  it('are paired prompt by prompt where they asked the same', () => {
    expect(pairedCounts(first, second)).toEqual([
      { group: 'rewrite', both: 0, first: 1, second: 0, neither: 2 },
      { group: 'neighborhood', both: 1, first: 0, second: 0, neither: 1 },
    ]);
    const differing = differingCases(first, second);
    expect([...(differing ?? [])]).toEqual([0]);
    const chosen = chosenCases(second.cases, { search: '', filter: 'differs', order: 'file', differing });
    expect(chosen.map(({ view }) => view.subject)).toEqual(['Zola']);
    const other: BenchmarkReport = { ...second, cases: second.cases.slice(1) };
    expect(pairedCounts(first, other)).toBeNull();
    expect(differingCases(first, other)).toBeNull();
  });
});
