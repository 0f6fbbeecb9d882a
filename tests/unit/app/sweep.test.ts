/** Sweeps on the page: values that are offered and typed, the best of them, and what is drawn. */
import { describe, expect, it } from 'vitest';
import { sweepCurves, sweepTable } from '../../../src/app/benchmark/sweep-curves.ts';
import { bestPoint, sweepFields } from '../../../src/app/store/sweep.ts';
import { parseValues, suggestedValues } from '../../../src/app/store/sweep-values.ts';
import type { Metric, SweepPoint, SweepReport } from '../../../src/worker/benchmark-api.ts';
import { MEMIT, MEMIT_SETTINGS } from './fixtures/methods.ts';

const fieldOf = (name: string) => MEMIT.fields.find((field) => field.name === name)!;

describe('the values of a sweep', () => {
  it('that are offered can be taken as they are', () => {
    for (const field of sweepFields(MEMIT)) {
      const text = suggestedValues(field, (MEMIT_SETTINGS as Record<string, unknown>)[field.name], 8, 10);
      expect(parseValues(text, field, 8, 10), field.name).toMatchObject({ kind: 'setting', name: field.name });
    }
    expect(suggestedValues(null, undefined, 8, 100)).toBe('1 3 10 30 100');
    expect(parseValues('1 3 10', null, 8, 10)).toEqual({ kind: 'edits', values: [1, 3, 10] });
    expect(suggestedValues(null, undefined, 8, 1)).toBe('1');
  });

  it('of layers are as many as in the preset, moved', () => {
    expect(suggestedValues(fieldOf('layers'), [1, 2, 3], 6, 10)).toBe('0-2 1-3 2-4 3-5');
    expect(parseValues('0-2 1,3', fieldOf('layers'), 6, 10)).toEqual({
      kind: 'setting',
      name: 'layers',
      values: [
        [0, 1, 2],
        [1, 3],
      ],
    });
  });

  it.each([
    ['', 'covarianceWeight', /Write the values/],
    ['1 x', 'covarianceWeight', /“x”: Write a number/],
    ['0', 'covarianceWeight', /Must be above 0/],
    ['1.5', 'steps', /whole number/],
    ['0-9', 'layers', /Layer 9 does not exist/],
    [Array.from({ length: 30 }, (_, i) => i + 1).join(' '), 'steps', /At most 24/],
  ])('“%s” of %s are refused', (text, name, message) => {
    expect(parseValues(text, fieldOf(name), 8, 10)).toMatch(message);
  });

  it('of edits stay within the records', () => {
    expect(parseValues('5 11', null, 8, 10)).toMatch(/“11”: Must be at most 10/);
  });
});

function metric(mean: number): Metric {
  return { mean, interval: 0.1, low: mean - 0.1, high: mean + 0.1, records: 10 };
}

function point(value: number, s: number, kept: number | null = null, kl = 0): SweepPoint {
  const group = { success: metric(s), magnitude: null, accuracy: metric(s), tokenAccuracy: metric(s) };
  return {
    value,
    edits: 10,
    settings: {},
    metrics: { score: metric(s), texts: null, groups: { rewrite: group, paraphrase: group, neighborhood: null } },
    damage:
      kept === null
        ? null
        : {
            kept: { neighbour: null, relation: null, other: null },
            keptOverall: kept,
            perplexity: 20,
            divergence: metric(kl),
          },
    seconds: 1,
  };
}

function report(points: SweepPoint[]): SweepReport {
  return {
    title: '10 facts',
    seed: 0,
    seconds: 3,
    method: 'memit',
    axis: 'setting',
    setting: 'covarianceWeight',
    records: 10,
    leftOut: [],
    before: point(0, 0.2).metrics,
    perplexityBefore: 19,
    points,
  };
}

describe('the best value', () => {
  it('has the highest S, then keeps most, then changes least', () => {
    expect(bestPoint(report([point(1, 0.5), point(2, 0.9), point(3, 0.7)]))?.value).toBe(2);
    expect(bestPoint(report([point(1, 0.9, 0.8), point(2, 0.9, 0.95)]))?.value).toBe(2);
    expect(bestPoint(report([point(1, 0.9, 0.8, 0.3), point(2, 0.9, 0.8, 0.1), point(3, 0.9, 0.8, 0.2)]))?.value).toBe(
      2,
    );
    expect(bestPoint(report([point(1, 1)]))).toBeNull();
  });
});

it('only what was measured is drawn, with its interval', () => {
  const curves = sweepCurves(report([point(1, 0.5), point(2, 0.9)]));
  expect(curves.map(({ name }) => name)).toEqual(['S', 'ES', 'PS']);
  expect(curves[0].before).toBeCloseTo(20);
  expect(curves[0].points.map(({ value, mean }) => [value, mean])).toEqual([
    ['1', 50],
    ['2', 90],
  ]);
  expect(sweepCurves(report([point(1, 0.5, 0.9)])).map(({ name }) => name)).toContain('other facts kept');
  const table = sweepTable(report([point(1, 0.5)]), 'λ');
  expect(table.rows[0]).toHaveLength(table.columns.length);
  expect(table.rows[0].slice(0, 3)).toEqual(['1', 10, 0.5]);
});
