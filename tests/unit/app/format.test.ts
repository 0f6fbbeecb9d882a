/** Numbers as the page writes them. */
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatNumber,
  formatParameters,
  formatProbability,
  formatSeconds,
  formatTimeLeft,
  formatToken,
  midSentence,
} from '../../../src/app/format.ts';

/** Line-proof spaces read as plain ones. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('numbers', () => {
  it('keeps three significant digits and turns to exponents where digits would mislead', () => {
    expect([0.12345, 12.345, 1234.5, 0.00012345, 2.3e-12, 1.5e7].map(formatNumber)).toEqual([
      '0.123',
      '12.3',
      '1230',
      '1.23e-4',
      '2.30e-12',
      '1.50e7',
    ]);
    expect(formatNumber(-0.5)).toBe('−0.5');
    expect(formatNumber(NaN)).toBe('not a number');
    expect(formatNumber(-Infinity)).toBe('−∞');
  });

  it('never shows a probability as 0 % or 100 % that is not', () => {
    expect([0, 0.0004, 0.4231, 0.9995, 1].map(formatProbability).map(plain)).toEqual([
      '0 %',
      '< 0.1 %',
      '42.3 %',
      '> 99.9 %',
      '100 %',
    ]);
  });

  it('writes sizes, counts and times in the unit that fits', () => {
    expect([999, 8_738_064, 999_700, 1.2e12].map(formatBytes)).toEqual(['999 B', '8.7 MB', '1.0 MB', '1.2 TB']);
    expect([512, 2_180_000, 124_400_000, 1.56e9].map(formatParameters)).toEqual(['512', '2.2 M', '124 M', '1.6 B']);
    expect([0.42, 9.94, 12.4, 185, 7380].map(formatSeconds)).toEqual([
      '0.42 s',
      '9.9 s',
      '12 s',
      '3 min 05 s',
      '2 h 03 min',
    ]);
    expect([0.3, 3.2, 41, 75].map(formatTimeLeft)).toEqual([
      'under a second left',
      'about 4 s left',
      'about 45 s left',
      'about 1 min 20 s left',
    ]);
  });

  it('takes the capital of a label inside a sentence, but not of what is written so', () => {
    expect(['Learning rate', 'KL factor', 'λ', 'F32', ''].map(midSentence)).toEqual([
      'learning rate',
      'KL factor',
      'λ',
      'F32',
      '',
    ]);
  });

  it('makes spaces and line ends of tokens visible', () => {
    expect([' Spain', 'ain', '\n', ''].map(formatToken)).toEqual(['·Spain', 'ain', '↵', '(nothing)']);
  });
});
