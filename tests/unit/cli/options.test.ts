/** Values of options are what they look like, or refused. */
import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { decimalNumber, parseCount, parseLayers, parseSeed } from '../../../src/cli/options.ts';

const NO_NUMBERS = ['', ' ', '0x10', '1e2', '-1', '1.5', '٣', 'Infinity', 'NaN', '9007199254740993', '1_000', 'one'];

describe('parseSeed', () => {
  it.each(NO_NUMBERS)('refuses “%s”', (text) => {
    expect(() => parseSeed(text)).toThrow(InvalidArgumentError);
  });

  it.each([
    ['0', 0],
    ['12', 12],
    ['007', 7],
  ])('takes %s', (text, seed) => {
    expect(parseSeed(text)).toBe(seed);
  });
});

describe('parseCount', () => {
  it.each([...NO_NUMBERS, '0'])('refuses “%s”', (text) => {
    expect(() => parseCount(text)).toThrow(InvalidArgumentError);
  });
});

describe('parseLayers', () => {
  it.each(['', ',', '1,', '1,,2', '1;2', '1,1', '0x1', '1.0', '-1'])('refuses “%s”', (text) => {
    expect(() => parseLayers(text)).toThrow(InvalidArgumentError);
  });

  it('takes numbers with commas between, spaces or not', () => {
    expect(parseLayers('3, 1,10')).toEqual([3, 1, 10]);
  });
});

describe('decimalNumber', () => {
  it.each([
    ['0.5', 0.5],
    ['.5', 0.5],
    ['1e-3', 0.001],
    ['-2.', -2],
    [' 7 ', 7],
  ])('reads “%s”', (text, value) => {
    expect(decimalNumber(text)).toBe(value);
  });

  it.each(['', '0x10', '1,5', 'Infinity', 'NaN', '1e', '.', '0b1'])('does not read “%s”', (text) => {
    expect(decimalNumber(text)).toBeNull();
  });
});
