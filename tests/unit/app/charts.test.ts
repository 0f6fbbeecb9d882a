/** The data behind charts and tables. */
import { describe, expect, it } from 'vitest';
import { lossCurve } from '../../../src/app/run/losses.ts';
import { toCsv, toJson } from '../../../src/app/shared/table.ts';

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
  });

  it('writes JSON with a record a row', () => {
    expect(JSON.parse(toJson(table))).toEqual([
      { prompt: 'Rome, “the city”', P: 0.25 },
      { prompt: 'a "quoted"\nline', P: null },
    ]);
  });
});
