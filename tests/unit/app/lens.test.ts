/** The lens on the page: which cells say what is followed, its words, table and picture. */
import { describe, expect, it } from 'vitest';
import { cellShade, cellWords, gridOf, roleOf, sidesOf } from '../../../src/app/lens/lens-cells.ts';
import { lensPicture } from '../../../src/app/lens/lens-svg.ts';
import { lensTable } from '../../../src/app/lens/lens-tables.ts';
import { rankLines } from '../../../src/app/lens/rank-lines.ts';
import type { LensCellView, LensView } from '../../../src/worker/lens-api.ts';

function cell(id: number, token: string, probability: number, ranks: [number, number]): LensCellView {
  return { top: [{ id, token, probability }], followed: ranks.map((rank) => ({ probability: 0.1, rank })) };
}

/** Two tokens, two layers; at the end " red" turns into " <blue>". */
const view: LensView = {
  prompt: 'The sky & sea',
  tokens: [
    { id: 1, text: 'The', subject: false },
    { id: 2, text: ' sky', subject: true },
  ],
  layerCount: 2,
  followed: [
    { role: 'old', id: 7, token: ' red' },
    { role: 'new', id: 8, token: ' <blue>' },
  ],
  before: [
    [cell(3, ' a', 0.2, [5, 6]), cell(3, ' a', 0.3, [5, 6])],
    [cell(3, ' a', 0.2, [4, 90]), cell(7, ' red', 0.9, [0, 40])],
  ],
  after: [
    [cell(3, ' a', 0.2, [5, 6]), cell(3, ' a', 0.3, [5, 6])],
    [cell(3, ' a', 0.2, [4, 9]), cell(8, ' <blue>', 0.8, [1, 0])],
  ],
  edited: { first: 0, last: 0 },
  seconds: 1,
};

describe('cells', () => {
  it('say which answer they are', () => {
    expect(view.before.flat().map((each) => roleOf(view, each))).toEqual([null, null, null, 'old']);
    expect(view.after?.flat().map((each) => roleOf(view, each))).toEqual([null, null, null, 'new']);
    expect(cellWords(view, 1, 1, view.after![1][1])).toMatch(/^·sky, layer 1: ·<blue> 80\.0\s%, the new answer$/);
  });

  it('are those of the unedited model where there is no other', () => {
    const alone = { ...view, after: null };
    expect(sidesOf(alone)).toEqual(['before']);
    expect(gridOf(alone, 'after')).toBe(view.before);
  });

  it('keep their words readable at any probability', () => {
    const luminance = (color: string): number => {
      const [r, g, b] = /rgb\((\d+) (\d+) (\d+)\)/
        .exec(color)!
        .slice(1)
        .map((part) => {
          const value = Number(part) / 255;
          return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a: number, b: number): number => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const text = { light: luminance('rgb(24 32 42)'), dark: luminance('rgb(232 237 243)') };
    for (const theme of ['light', 'dark'] as const)
      for (let p = 0; p <= 1; p += 0.05)
        expect(contrast(luminance(cellShade(p, theme)), text[theme]), `${theme} ${p}`).toBeGreaterThan(4.5);
  });
});

describe('what is made of them', () => {
  it('is a line an answer and model, ranks from 1', () => {
    expect(rankLines(view, 1).map(({ key, ranks }) => [key, ranks])).toEqual([
      ['old before', [5, 1]],
      ['old after', [5, 2]],
      ['new before', [91, 41]],
      ['new after', [10, 1]],
    ]);
  });

  it('is a table with a row a model, token and layer', () => {
    const { columns, rows } = lensTable(view);
    expect(rows).toHaveLength(8);
    expect(rows[7]).toEqual(['after', 1, ' sky', 1, ' <blue>', 0.8, 0.1, 2, 0.1, 1]);
    expect(rows.every((row) => row.length === columns.length)).toBe(true);
  });

  it('is a picture without markup of its own in it', () => {
    const { svg, width, height } = lensPicture(view);
    expect(svg).toContain('&lt;blue&gt;');
    expect(svg).toContain('The sky &amp; sea');
    expect(svg).not.toContain('<blue>');
    expect(svg.match(/<rect [^>]*stroke="#fff"/g)).toHaveLength(8);
    expect(width).toBeGreaterThan(200);
    expect(height).toBeGreaterThan(2 * 3 * 22);
  });
});
