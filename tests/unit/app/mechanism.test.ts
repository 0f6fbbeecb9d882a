/** The picture of how an edit is made: where its parts stand, its numbers, and where a press aims the edit. */
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../../src/app/run/mechanism/layout.ts';
import { readingsOf } from '../../../src/app/run/mechanism/readings.ts';
import { aimedAt } from '../../../src/app/store/aim.ts';
import type { RunFigures } from '../../../src/app/store/run.ts';
import type { RowInspection, TokenView } from '../../../src/worker/api.ts';

function tokensOf(texts: readonly string[], first: number, lookup: number): TokenView[] {
  return texts.map((text, i) => ({
    id: i,
    text,
    role: i === lookup ? 'lookup' : i >= first && i < lookup ? 'subject' : 'plain',
  }));
}

function inspected(fullPrompt: string | null, tokens: TokenView[]): RowInspection {
  return {
    draftId: 'a',
    faults: [],
    fullPrompt,
    tokens,
    targetTokens: [],
    top: [],
    knownObject: null,
    already: false,
  };
}

const plain = Array.from({ length: 40 }, (_, i) => ` w${i}`);

describe('the layout', () => {
  it.each([
    { layers: 1, edited: [0], length: 3 },
    { layers: 8, edited: [0, 1, 2], length: 7 },
    { layers: 30, edited: [4, 5, 6], length: 25 },
    { layers: 80, edited: [], length: 40 },
    { layers: 80, edited: [3, 4, 79], length: 40 },
  ])(
    'has every layer once and every edited one alone: $layers layers, edited $edited',
    ({ layers, edited, length }) => {
      const layout = layoutOf(tokensOf(plain.slice(0, length), 1, 2), layers, edited, 640);
      const covered = layout.rows.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      );
      expect(covered.sort((a, b) => a - b)).toEqual(Array.from({ length: layers }, (_, layer) => layer));
      expect(layout.rows.filter((row) => row.edited).map(({ first, last }) => [first, last])).toEqual(
        [...edited].reverse().map((layer) => [layer, layer]),
      );
      const counted = layout.columns.reduce((sum, { count }) => sum + count, 0);
      expect(counted).toBe(length);
      expect(layout.lookup.index).toBe(2);
      expect(layout.last).toMatchObject({ index: length - 1, count: 1 });
      for (const [i, { x }] of layout.columns.entries())
        expect(x).toBeGreaterThan(i === 0 ? 0 : layout.columns[i - 1].x);
      expect(layout.right + layout.barWidth).toBeLessThan(640);
    },
  );

  it('keeps the look-up token of a subject far from both ends', () => {
    const { columns, lookup } = layoutOf(tokensOf(plain, 18, 20), 8, [1], 640);
    expect(lookup.index).toBe(20);
    expect(columns.length).toBeLessThanOrEqual(15);
  });
});

describe('the readings', () => {
  const run: RunFigures = {
    edits: [
      { subject: 'a', object: 'b', prompt: null },
      { subject: 'c', object: 'd', prompt: null },
    ],
    steps: 3,
    layers: [1, 2],
    losses: [
      { edit: 0, step: 0, loss: 2, nll: 2, kl: 0, decay: 0, deltaRatio: 0 },
      { edit: 0, step: 1, loss: 1, nll: Math.log(2), kl: 0, decay: 0, deltaRatio: 0.25 },
      { edit: 1, step: 0, loss: 3, nll: 3, kl: 0, decay: 0, deltaRatio: 0.5 },
    ],
    reports: [1, 2].map((layer) => ({
      layer,
      updateNorm: layer,
      weightNorm: 10,
      ratio: layer / 10,
      meanResidual: 8 / layer,
      relativeResidual: 0,
      seconds: 1,
    })),
    residuals: [],
  };

  it('are the mean’s while layers are solved, and what follows the last is not known', () => {
    const { layers, target } = readingsOf(run, 0, 2);
    expect(target).toMatchObject({ step: 1, deltaRatio: 0.25 });
    expect(target?.probability).toBeCloseTo(0.5, 12);
    expect(layers).toEqual([
      { layer: 1, ratio: 0.1, before: 1, after: 0.5 },
      { layer: 2, ratio: 0.2, before: 0.5, after: null },
    ]);
  });

  it('are the edit’s own once they were measured', () => {
    const residuals = [
      { edit: 0, layer: 1, before: 4, after: 3 },
      { edit: 0, layer: 2, before: 3, after: 5 },
      { edit: 1, layer: 1, before: 100, after: 50 },
    ];
    expect(readingsOf({ ...run, residuals }, 0, null).layers.map(({ before, after }) => [before, after])).toEqual([
      [1, 0.75],
      [0.75, 1.25],
    ]);
  });
});

describe('an aim', () => {
  const tokens = tokensOf(['The', ' Eif', 'fel', ' Tower', ' is', ' in'], 1, 3);
  const row = inspected('The Eiffel Tower is in', tokens);

  it.each([
    [2, 'Eiffel', 'The {} Tower is in'],
    [3, 'Eiffel Tower', 'The {} is in'],
    [4, 'Eiffel Tower is', 'The {} in'],
    [5, 'Eiffel Tower is in', 'The {}'],
    [0, 'The', '{} Eiffel Tower is in'],
  ])('at token %i makes the subject “%s”', (token, subject, prompt) => {
    const aim = aimedAt(row, token);
    expect(aim).toEqual({ subject, prompt, relationId: null });
    expect(prompt.replace('{}', subject)).toBe(row.fullPrompt);
  });

  it('leaves what the tokenizer puts before the prompt alone', () => {
    const begun = inspected(row.fullPrompt, tokensOf(['<bos>', ...tokens.map(({ text }) => text)], 2, 4));
    expect(aimedAt(begun, 0)).toBeNull();
    expect(aimedAt(begun, 3)).toMatchObject({ subject: 'Eiffel' });
  });

  it('is not where tokens are parts of letters, or where nothing was read', () => {
    expect(aimedAt(inspected('東 is', tokensOf(['\ufffd', '\ufffd', ' is'], 0, 1)), 1)).toBeNull();
    expect(aimedAt(inspected(null, tokens), 1)).toBeNull();
  });
});
