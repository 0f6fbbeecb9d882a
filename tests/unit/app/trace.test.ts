/** Traces on the page: how they fill in, their settings, curves, tables and picture. */
import { describe, expect, it } from 'vitest';
import type { EditDraft } from '../../../src/worker/api.ts';
import type { AverageTraceView, TraceGrid, TracePosition, TraceView } from '../../../src/worker/trace-api.ts';
import { toCsv } from '../../../src/app/shared/table.ts';
import { shade } from '../../../src/app/shared/color-scale.ts';
import { averageCurves, curveChoices, promptCurves } from '../../../src/app/trace/effects.ts';
import { heatPicture } from '../../../src/app/trace/heat-svg.ts';
import { gridKey, gridName, gridOf, gridsOf } from '../../../src/app/trace/names.ts';
import { curveTable, gridTable, traceTable } from '../../../src/app/trace/trace-tables.ts';
import { parseFactCount, parseTraceSettings, TRACE_DEFAULTS } from '../../../src/app/store/trace-settings.ts';
import { promptKey, staleReason, withToken } from '../../../src/app/store/trace-view.ts';
import { bandLayers, bandOf, curveSourceOf } from '../../../src/app/store/trace.ts';

const positions: (TracePosition | 'before subject')[] = ['before subject', 'first subject', 'last subject', 'last'];
const texts = ['The', ' "Nord', '&Co"', ' is'];

function gridWith(kind: TraceGrid['kind'], severed: TraceGrid['severed'], scores: (number | null)[][]): TraceGrid {
  return { kind, severed, scores, says: scores.map((row) => row.map((score) => (score === null ? null : ' a, b'))) };
}

/** Four tokens, three layers; the corrupted run gives 0.1, the clean one 0.9. */
const view: TraceView = {
  prompt: 'The "Nord&Co" is',
  subject: '"Nord&Co"',
  tokens: texts.map((text, id) => ({ id, text, subject: id === 1 || id === 2, position: positions[id] ?? 'last' })),
  answer: { id: 9, token: ' red', probability: 0.9 },
  corrupted: 0.1,
  top: [],
  knownObject: null,
  note: null,
  noise: 0.3,
  grids: [
    gridWith('hidden', 'none', [
      [0.1, 0.1, 0.1],
      [0.2, 0.1, 0.1],
      [0.6, 0.8, 0.4],
      [0.1, 0.3, 0.9],
    ]),
    gridWith('hidden', 'mlp', [
      [null, null, null],
      [null, null, null],
      [null, 0.35, null],
      [null, null, null],
    ]),
  ],
  band: { layers: [1, 2], reason: 'Because.' },
  cost: { computed: 1, plain: 2 },
  seconds: 1,
};

const [hidden, severed] = view.grids as [TraceGrid, TraceGrid];

describe('a trace that streams in', () => {
  const event = { kind: 'token', grid: 1, token: 3, scores: [0.1, 0.2, 0.3], says: ['a', 'b', 'c'] } as const;
  const next = withToken(view, { ...event, scores: [...event.scores], says: [...event.says] });

  it('gets a row of one grid and keeps the rest', () => {
    expect(next.grids[1]?.scores).toEqual([
      [null, null, null],
      [null, null, null],
      [null, 0.35, null],
      [0.1, 0.2, 0.3],
    ]);
    expect(next.grids[1]?.says[3]).toEqual(['a', 'b', 'c']);
    expect(next.grids[0]).toBe(hidden);
  });

  it('leaves the view it came from as it was', () => {
    expect(severed.scores.flat().filter((score) => score !== null)).toEqual([0.35]);
  });
});

describe('whether a trace still holds', () => {
  const draft: EditDraft = { id: 'a', subject: 'Rome', relationId: null, prompt: '{} is in', object: 'Spain' };
  const question = { draftId: 'a', prompt: promptKey(draft), patches: 'p1' };

  it('does not depend on the new object', () => {
    expect(staleReason(question, [{ ...draft, object: 'France' }], 'p1')).toBeNull();
  });

  it.each([
    ['another prompt', [{ ...draft, prompt: '{} lies in' }], 'p1', /edit has changed/],
    ['a removed edit', [], 'p1', /removed/],
    ['another patch', [draft], 'p1 p2', /patches/],
  ])('is told of %s', (_, drafts, patches, words) => {
    expect(staleReason(question, drafts, patches)).toMatch(words);
  });

  it('ignores the free prompt of a row that uses a relation', () => {
    const related = { ...draft, relationId: 'r' };
    expect(promptKey({ ...related, prompt: 'other {}' })).toBe(promptKey(related));
    expect(promptKey(related)).not.toBe(promptKey(draft));
  });
});

describe('trace settings', () => {
  it('are the paper’s by default, with the noise left to the model', () => {
    expect(parseTraceSettings(TRACE_DEFAULTS)).toEqual({
      settings: {
        kinds: ['hidden', 'mlp', 'attention'],
        severed: true,
        samples: 10,
        window: 10,
        noise: null,
        seed: 1,
        generator: 'seeded',
      },
      faults: {},
    });
  });

  it('judge every field, and sever nothing without the hidden state', () => {
    const text = { ...TRACE_DEFAULTS, kinds: [], samples: '0', window: 'x', noise: '-1', seed: '1.5' };
    const { settings, faults } = parseTraceSettings(text);
    expect(settings).toBeNull();
    expect(Object.keys(faults).sort()).toEqual(['kinds', 'noise', 'samples', 'seed', 'window']);
    const without = parseTraceSettings({ ...TRACE_DEFAULTS, kinds: ['attention', 'mlp'], noise: '0,2' }).settings;
    expect(without).toMatchObject({ kinds: ['mlp', 'attention'], severed: false, noise: 0.2 });
  });

  it('ask for two facts at least', () => {
    expect(parseFactCount('50')).toBe(50);
    expect(parseFactCount('1')).toMatch(/at least 2/);
  });
});

describe('the band of layers', () => {
  const average: AverageTraceView = {
    facts: 4,
    skipped: 1,
    totalEffect: { mean: 0.5, interval: 0.1 },
    noise: 0.3,
    settings: parseTraceSettings(TRACE_DEFAULTS).settings!,
    curves: [
      { kind: 'hidden', severed: 'none', position: 'last', facts: 4, effect: [0, 0.2], interval: [0.01, 0.02] },
      { kind: 'hidden', severed: 'none', position: 'middle subject', facts: 0, effect: [NaN], interval: [NaN] },
    ],
    band: { layers: [0, 1], reason: 'On average.' },
    seconds: 2,
  };
  const traced = {
    view,
    question: { draftId: 'a', prompt: '', patches: '' },
    settings: average.settings,
    complete: true,
  };
  const state = { traced, averageTrace: average, bandByHand: null };

  it('is that of the trace whose curves are shown', () => {
    expect(bandOf({ ...state, curveSource: 'prompt' })).toEqual({ first: 1, last: 2 });
    expect(bandOf({ ...state, curveSource: 'average' })).toEqual({ first: 0, last: 1 });
    expect(curveSourceOf({ traced: null, averageTrace: average, curveSource: 'prompt' })).toBe('average');
    expect(curveSourceOf({ traced, averageTrace: null, curveSource: 'average' })).toBe('prompt');
    expect(bandOf({ traced: null, averageTrace: null, curveSource: 'prompt', bandByHand: null })).toBeNull();
  });

  it('is the reader’s own once it is set by hand', () => {
    const band = bandOf({ ...state, curveSource: 'prompt', bandByHand: { first: 2, last: 4 } });
    expect(band && bandLayers(band)).toEqual([2, 3, 4]);
  });

  it('leaves positions that no fact has out of the curves', () => {
    expect(averageCurves(average, 'hidden')).toEqual([
      { id: 'last', name: 'last token', effect: [0, 0.2], interval: [0.01, 0.02], count: 4 },
    ]);
  });
});

describe('curves of one prompt', () => {
  const close = (values: (number | null)[] | undefined) => values?.map((value) => value && Number(value.toFixed(9)));

  it('are the scores over the corrupted run, per position that the prompt has', () => {
    const curves = promptCurves(view, 'hidden');
    expect(curves.map(({ id }) => id)).toEqual(['first subject', 'last subject', 'last']);
    expect(close(curves[1]?.effect)).toEqual([0.5, 0.7, 0.3]);
  });

  it('are the mean over the tokens of a position, of those that have arrived', () => {
    const tokens = view.tokens.map((token, i) => (i === 3 ? token : { ...token, position: 'middle subject' as const }));
    const scores = hidden.scores.map((row, i) => (i === 0 ? [0.5, null, null] : i === 1 ? [0.3, 0.7, null] : row));
    const partial = {
      ...view,
      tokens,
      grids: [gridWith('hidden', 'none', [...scores.slice(0, 2), [0.1, 0.5, null], scores[3] ?? []])],
    };
    const middle = promptCurves(partial, 'hidden').at(0);
    expect(middle).toMatchObject({ id: 'middle subject', count: 3 });
    expect(close(middle?.effect)).toEqual([0.2, 0.5, null]);
  });

  it('set what is severed side by side at the last subject token', () => {
    const curves = promptCurves(view, 'severed');
    expect(curves.map(({ id }) => id)).toEqual(['intact', 'MLPs severed']);
    expect(close(curves[1]?.effect)).toEqual([null, 0.25, null]);
    expect(curveChoices(view.grids)).toEqual(['hidden', 'severed']);
  });
});

describe('names of grids', () => {
  it('are what settings give, in the order of the switch', () => {
    expect(gridsOf(['hidden', 'attention'], true).map(gridKey)).toEqual([
      'hidden',
      'attention',
      'hidden-mlp-severed',
      'hidden-attention-severed',
    ]);
    expect(gridsOf(['mlp'], true).map(gridName)).toEqual(['MLP']);
  });

  it('find the grid, or the first one where the trace lacks it', () => {
    expect(gridOf(view.grids, { kind: 'hidden', severed: 'mlp' })).toBe(severed);
    expect(gridOf(view.grids, { kind: 'mlp', severed: 'none' })).toBe(hidden);
    expect(gridOf([], { kind: 'mlp', severed: 'none' })).toBeNull();
  });
});

describe('files of a trace', () => {
  it('have a row for every state in the CSV, with its effect', () => {
    const lines = toCsv(traceTable(view)).trim().split('\r\n');
    expect(lines).toHaveLength(1 + 2 * 4 * 3);
    expect(lines[1 + 2 * 3]).toBe('hidden,none,2,"&Co""",true,last subject,0,0.6,0.5," a, b"');
    expect(lines.at(-1)).toBe('hidden,mlp,3, is,false,last,2,,,');
  });

  it('show the heat map as a table, a column a layer', () => {
    expect(gridTable(view, hidden).columns).toEqual(['token', 'position', 'layer 0', 'layer 1', 'layer 2']);
    expect(gridTable(view, hidden).rows[3]).toEqual([' is', 'last', 0.1, 0.3, 0.9]);
  });

  it('show the curves with their intervals', () => {
    const table = curveTable([{ id: 'last', name: 'last token', effect: [0.5, null], interval: [0.1, 0.2], count: 7 }]);
    expect(table.rows).toEqual([
      ['last token', 7, 0, 0.5, 0.1],
      ['last token', 7, 1, null, 0.2],
    ]);
  });

  it('hold the heat map as an SVG with a rectangle a cell and no bare markup', () => {
    const { svg, width, height } = heatPicture(view, hidden, { first: 1, last: 2 });
    expect(svg.match(/<title>/g)).toHaveLength(12);
    expect(svg).toContain(`<title>&amp;Co&quot;*, layer 1: 80.0\u00a0%</title>`);
    expect(svg).toContain(`fill="${shade((0.8 - 0.1) / 0.8, 'light')}"`);
    expect(svg).toContain('The &quot;Nord&amp;Co&quot; is');
    expect(svg).toContain('stroke-width="2"');
    expect(heatPicture(view, hidden, null).svg).not.toContain('stroke-width="2"');
    // Nothing is drawn outside.
    for (const [, x, w] of svg.matchAll(/<rect x="([\d.]+)"[^>]* width="([\d.]+)"/g)) {
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(width);
    }
    for (const [, y] of svg.matchAll(/ y="([\d.]+)"/g)) expect(Number(y)).toBeLessThan(height);
    // Well-formed: every element that is opened is closed.
    const open: string[] = [];
    for (const [, close, name = '', self] of svg.matchAll(/<(\/?)([a-zA-Z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (self === '') open.push(name);
    }
    expect(open).toEqual([]);
  });
});
