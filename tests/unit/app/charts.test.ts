/** The data behind charts and tables. */
import { describe, expect, it } from 'vitest';
import { lossCurve } from '../../../src/app/run/losses.ts';
import { toCsv, toJson, toMarkdown } from '../../../src/app/shared/table.ts';
import { largest, smallest } from '../../../src/engine/extent.ts';

function at(edit: number, step: number, loss: number) {
  return { edit, step, loss, nll: loss / 2, kl: loss / 4, decay: loss / 4, deltaRatio: 0.1 * step };
}

describe('lossCurve', () => {
  const losses = [at(0, 0, 8), at(1, 0, 4), at(0, 1, 6), at(1, 1, 0.04), at(0, 2, 2)];

  it('follows one edit', () => {
    expect(lossCurve(losses, 0).map(({ step, loss }) => [step, loss])).toEqual([
      [0, 8],
      [1, 6],
      [2, 2],
    ]);
  });

  it('keeps an edit that stopped early in the mean', () => {
    const mean = lossCurve(losses, null).map(({ loss }) => loss);
    expect(mean[0]).toBeCloseTo(6, 12);
    expect(mean[1]).toBeCloseTo(3.02, 12);
    expect(mean[2]).toBeCloseTo(1.02, 12);
  });
});

describe('largest and smallest', () => {
  it('take more values than a call takes arguments', () => {
    const values = Float64Array.from({ length: 300_000 }, (_, i) => Math.sin(i));
    values[123_456] = 2;
    values[7] = -3;
    expect([largest(values), smallest(values)]).toEqual([2, -3]);
    expect([largest([]), smallest([]), largest([1, NaN, 2])]).toEqual([-Infinity, Infinity, NaN]);
  });
});

describe('tables', () => {
  const table = {
    columns: ['prompt', 'P'],
    rows: [
      ['Rome, “the city”', 0.25],
      ['a "quoted"\nline', null],
    ],
  };

  it('writes CSV that a spreadsheet reads', () => {
    expect(toCsv(table)).toBe('prompt,P\r\n"Rome, “the city”",0.25\r\n"a ""quoted""\nline",\r\n');
    expect(
      toMarkdown({
        columns: ['a|b', 'P'],
        rows: [
          ['x\\|y\nz', 0.5],
          ['', null],
        ],
      }),
    ).toBe('| a\\|b | P |\n| --- | ---: |\n| x\\\\\\|y z | 0.5 |\n|  |  |\n');
  });

  it('writes JSON with a record a row', () => {
    expect(JSON.parse(toJson(table))).toEqual([
      { prompt: 'Rome, “the city”', P: 0.25 },
      { prompt: 'a "quoted"\nline', P: null },
    ]);
  });
});
