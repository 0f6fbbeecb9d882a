/** Words that differ between two texts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordChanges, type Piece } from '../../../src/app/result/word-changes.ts';

const joined = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join('');
const shared = (pieces: readonly Piece[]): string[] =>
  pieces.filter(({ differs }) => !differs).flatMap(({ text }) => text.trim().split(/\s+/));

describe('words that differ', () => {
  it.each([
    ['Apple, and he lives in', 'IBM, and he lives in', [' Apple,'], [' IBM,']],
    ['the same words', 'the same words', [], []],
    ['', 'all new', [], [' all new']],
    ['one two three', 'one three', [' two'], []],
  ])('of “%s” and “%s” are marked', (before, after, gone, come) => {
    const sides = wordChanges(before && ` ${before}`, after && ` ${after}`);
    const marked = (pieces: readonly Piece[]): string[] =>
      pieces.filter(({ differs }) => differs).map(({ text }) => text);
    expect(marked(sides.before)).toEqual(gone);
    expect(marked(sides.after)).toEqual(come);
  });

  it('leave both texts as they were, and what is not marked is the same on both sides', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'is', '…'), { maxLength: 12 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const sides = wordChanges(before, after);
        expect(joined(sides.before)).toBe(before);
        expect(joined(sides.after)).toBe(after);
        expect(shared(sides.before)).toEqual(shared(sides.after));
      }),
    );
  });
});
